import asyncio
import logging

TYPICAL = 350

log = logging.getLogger(__name__)


async def weigh(sku):
    return 350


async def weight(skus):
    total = 0
    for sku in skus:
        try:
            async with asyncio.timeout(0.05):
                total += await weigh(sku)
        except (ConnectionError, TimeoutError):
            log.warning("%s was not weighed, using the typical weight", sku)
            total += TYPICAL
    return total
