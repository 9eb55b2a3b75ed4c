import asyncio
import logging

log = logging.getLogger(__name__)


async def fetch_prices():
    return {"mug": 250, "kettle": 900}


class PriceList:
    def __init__(self):
        self._prices = {}
        self._is_loaded = False

    async def refresh(self):
        self._prices.clear()
        try:
            async with asyncio.timeout(0.05):
                self._prices.update(await fetch_prices())
        except (ConnectionError, TimeoutError):
            log.warning("the price list was not refreshed")
        else:
            self._is_loaded = True

    def price(self, sku):
        return self._prices[sku] if self._is_loaded else "on request"
