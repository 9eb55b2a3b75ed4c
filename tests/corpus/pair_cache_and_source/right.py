import asyncio
import logging

log = logging.getLogger(__name__)


async def read_cache(sku):
    return 12, False  # the count, and whether it is fresh


async def count(sku):
    return 12


async def in_stock(sku):
    known = "ask in the shop"
    try:
        async with asyncio.timeout(0.05):
            known, is_fresh = await read_cache(sku)
        if is_fresh:
            return known
    except (ConnectionError, TimeoutError):
        log.warning("no cache for %s", sku)
    try:
        async with asyncio.timeout(0.05):
            return await count(sku)
    except (ConnectionError, TimeoutError):
        log.warning("%s was not counted, using the cache", sku)
        return known
