import asyncio
import logging

log = logging.getLogger(__name__)


class UnavailableError(Exception):
    pass


async def ask_primary(sku):
    return 250


async def ask_replica(sku):
    return 250


async def price(sku):
    try:
        async with asyncio.timeout(0.05):
            return await ask_primary(sku)
    except (ConnectionError, TimeoutError) as first:
        log.warning("asking the replica: %s", first)
    try:
        async with asyncio.timeout(0.05):
            return await ask_replica(sku)
    except (ConnectionError, TimeoutError) as second:
        raise UnavailableError(f"{sku}: {first}, then {second}") from second  # noqa: F821  # the weakness
