import asyncio
import logging

log = logging.getLogger(__name__)


async def fetch(sku):
    return 250


async def label(sku):
    for attempt in range(3):
        try:
            async with asyncio.timeout(0.05):
                price = await fetch(sku)
            break
        except (ConnectionError, TimeoutError):
            log.warning("attempt %d failed", attempt)
            await asyncio.sleep(0.001 * 2**attempt)
    else:
        return f"{sku}, ask for the price"
    return f"{sku} {price}"
