import asyncio
import logging

LAST_KNOWN = {"mug": 250}

log = logging.getLogger(__name__)


async def fetch(sku):
    return 250


async def ask_three_times(sku):
    for pause in (0.001, 0.002, 0.004):
        try:
            return await fetch(sku)
        except ConnectionError:
            await asyncio.sleep(pause)
    raise TimeoutError(f"asked three times for {sku}")


async def price(sku):
    try:
        async with asyncio.timeout(0.1):
            return await ask_three_times(sku)
    except TimeoutError:
        log.warning("no price for %s, using the last known one", sku)
        return LAST_KNOWN[sku]
