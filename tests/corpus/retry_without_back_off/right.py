import asyncio
import logging

LAST_KNOWN = {"mug": 250}

log = logging.getLogger(__name__)


async def fetch(sku):
    return 250


async def price(sku):
    for attempt in range(3):
        try:
            async with asyncio.timeout(0.03):
                return await fetch(sku)
        except (ConnectionError, TimeoutError):
            log.info("attempt %d failed", attempt)
            await asyncio.sleep(0.001 * 2**attempt)
    log.warning("no price for %s, using the last known one", sku)
    return LAST_KNOWN[sku]
