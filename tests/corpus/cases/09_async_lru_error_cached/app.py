"""Changes money at a rate that it looks up once."""

import logging

from async_lru import alru_cache

log = logging.getLogger(__name__)


async def fetch_rate(currency):
    return 1.1


class Desk:
    def __init__(self):
        self._rate = alru_cache(maxsize=8)(self._look_up)

    async def _look_up(self, currency):
        return await fetch_rate(currency)

    async def change(self, cents, currency):
        for attempt in range(3):
            try:
                return round(cents * await self._rate(currency))
            except ConnectionError:
                log.warning("attempt %d: no rate for %s", attempt, currency)
        return None
