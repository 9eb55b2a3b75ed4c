import asyncio
import logging

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

log = logging.getLogger(__name__)


async def find(sku):
    return {"mug": 250}[sku]


async def show(request):
    sku = request.path_params["sku"]
    try:
        async with asyncio.timeout(0.05):
            price = await find(sku)
    except (ConnectionError, TimeoutError):
        log.warning("%s was not looked up", sku)
        return JSONResponse({"error": "come back later"}, 503)
    return JSONResponse({"price": price})


app = Starlette(routes=[Route("/price/{sku}", show)])
