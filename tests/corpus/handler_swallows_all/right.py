import asyncio
import logging

LAST_COUNT = {"mug": 12}

log = logging.getLogger(__name__)


async def count(sku):
    return 12


async def in_stock(sku):
    try:
        async with asyncio.timeout(0.05):
            return await count(sku)
    except (ConnectionError, TimeoutError):
        log.warning("%s was not counted, using the last count", sku)
        return LAST_COUNT[sku]
