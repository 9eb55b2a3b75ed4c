import asyncio
import logging

YESTERDAY = {"EUR": 1.1}

log = logging.getLogger(__name__)


async def fetch_rate(currency):
    return 1.1


class Desk:
    def __init__(self):
        self._rates = {}

    async def rate(self, currency):
        if currency not in self._rates:
            try:
                async with asyncio.timeout(0.05):
                    self._rates[currency] = await fetch_rate(currency)
            except (ConnectionError, TimeoutError):
                log.warning("no rate for %s, using yesterday's", currency)
                self._rates[currency] = None
                return YESTERDAY[currency]
        return self._rates[currency]

    async def change(self, cents, currency):
        return round(cents * await self.rate(currency))
