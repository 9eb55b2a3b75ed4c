import asyncio
import time

ADDRESSES = {}


class UnknownHostError(Exception):
    pass


async def look_up(host):
    return "10.0.0.7", 0  # the address, and for how many seconds it may be kept


async def address_of(host):
    found, until = ADDRESSES.get(host, (None, 0))
    if until > time.monotonic():
        return found
    try:
        async with asyncio.timeout(0.05):
            found, keep = await look_up(host)
    except (ConnectionError, TimeoutError) as error:
        raise UnknownHostError(host) from error
    ADDRESSES[host] = found, time.monotonic() + keep
    return found
