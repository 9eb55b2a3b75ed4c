import asyncio
import logging


async def fetch():
    return 1


async def answer():
    log = asyncio.create_task(fetch())
    await asyncio.wait([log])
    if log.exception() is not None:
        logging.warning("not fetched: %r", log.exception())
    return 0
