import asyncio
import logging

LAST_KNOWN = {"mug": 250}

log = logging.getLogger(__name__)


async def fetch(sku):
    return 250


async def keep_asking(sku):
    while True:
        try:
            return await fetch(sku)
        except ConnectionError:
            await asyncio.sleep(0)


async def price(sku):
    try:
        async with asyncio.timeout(0.1):
            return await keep_asking(sku)
    except TimeoutError:
        log.warning("no price for %s, using the last known one", sku)
        return LAST_KNOWN[sku]
