import asyncio
import logging

LAST_KNOWN = {"mug": 250}

log = logging.getLogger(__name__)


async def fetch(sku):
    await asyncio.sleep(0.001)
    return 250


class Prices:
    def __init__(self):
        self._prices = {}
        self._lock = asyncio.Lock()

    async def price(self, sku):
        async with self._lock:  # so that one of many waiters asks, and the others find its answer
            if sku not in self._prices:
                try:
                    async with asyncio.timeout(0.05):
                        self._prices[sku] = await fetch(sku)
                except (ConnectionError, TimeoutError):
                    log.warning("no price for %s, using the last known one", sku)
                    return LAST_KNOWN[sku]
            return self._prices[sku]


async def visitors(count):
    prices = Prices()
    return await asyncio.gather(*(prices.price("mug") for _ in range(count)))
