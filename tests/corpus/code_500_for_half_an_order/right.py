import asyncio
import logging

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

log = logging.getLogger(__name__)


async def reserve(sku):
    return f"{sku}-1"


async def order(request):
    reserved = {}
    try:
        for sku in await request.json():
            async with asyncio.timeout(0.05):
                reserved[sku] = await reserve(sku)
    except (ConnectionError, TimeoutError):
        log.warning("not all was reserved")
        if reserved:
            return JSONResponse({"error": "in part", "reserved": list(reserved.values())}, 503)
        return JSONResponse({"error": "come back later"}, 503)
    return JSONResponse({"reserved": list(reserved.values())})


app = Starlette(routes=[Route("/orders", order, methods=["POST"])])
