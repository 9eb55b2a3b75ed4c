import asyncio
import logging

log = logging.getLogger(__name__)


async def ask_primary(sku):
    return 250


async def ask_replica(sku):
    return 250


async def price(sku):
    try:
        async with asyncio.timeout(0.05):
            return await ask_primary(sku)
    except (ConnectionError, TimeoutError):
        log.warning("asking the replica for %s", sku)
    try:
        async with asyncio.timeout(0.05):
            return await ask_replica(sku)
    except (ConnectionError, TimeoutError):
        log.warning("no price for %s", sku)
        return "on request"
