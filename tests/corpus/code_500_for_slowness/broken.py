import asyncio
import logging

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

log = logging.getLogger(__name__)


async def fetch():
    return 250


async def show(request):
    try:
        async with asyncio.timeout(0.05):
            return JSONResponse({"price": await fetch()})
    except ConnectionError:
        log.warning("no price")
        return JSONResponse({"error": "come back later"}, 503)


app = Starlette(routes=[Route("/price", show)])
