import asyncio
import logging

log = logging.getLogger(__name__)


async def receive(line):
    return ["hello", "mug", "kettle"][line]


async def articles():
    found = []
    try:
        for line in range(3):
            async with asyncio.timeout(0.05 if line == 0 else None):
                found.append(await receive(line))
    except (ConnectionError, TimeoutError):
        log.warning("the list is not complete")
    return found[1:]
