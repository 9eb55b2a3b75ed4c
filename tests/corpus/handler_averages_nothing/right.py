import asyncio
import logging

log = logging.getLogger(__name__)


async def receive(number):
    return 10 * number


async def download(chunks):
    saved = []
    batch = []
    try:
        for number in range(chunks):
            async with asyncio.timeout(0.05):
                batch.append(await receive(number))
            if len(batch) == 2:
                saved += batch
                batch.clear()
    except (ConnectionError, TimeoutError):
        log.warning("interrupted; %d chunks came last", len(batch))
    return saved + batch
