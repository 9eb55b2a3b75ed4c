"""Asks a price service that it leaves alone for a while after three failures."""

import logging

from circuitbreaker import CircuitBreaker, CircuitBreakerError

log = logging.getLogger(__name__)


async def ask(sku):
    return 250


class Prices:
    def __init__(self):
        self.failed = 0
        self._guarded = CircuitBreaker(failure_threshold=3, recovery_timeout=30, name="prices")(self._ask)

    async def _ask(self, sku):
        return await ask(sku)

    async def price(self, sku):
        try:
            return await self._guarded(sku)
        except CircuitBreakerError:
            log.warning("the price service is left alone")
        except ConnectionError:
            self.failed += 1
            log.warning("no price for %s", sku)
        return None


async def serve(prices, customers):
    return [await prices.price("mug") for _ in range(customers)]
