import asyncio
import logging

LAST_KNOWN = {"mug": 250}

log = logging.getLogger(__name__)


async def fetch(sku):
    return 250


async def price(sku):
    try:
        async with asyncio.timeout(0.05):
            return await fetch(sku)
    except (ConnectionError, TimeoutError) as error:
        log.warning("no price for %s: %s", sku, error)
        return LAST_KNOWN[sku]
