import asyncio
import logging

log = logging.getLogger(__name__)


async def send(header, rows):
    return len(rows)


def lines_of(text):
    yield from text.splitlines()


async def upload(text):
    for attempt in range(3):
        lines = lines_of(text)
        try:
            header = next(lines)
            async with asyncio.timeout(0.05):
                await send(header, list(lines))
            return "stored"
        except (ConnectionError, TimeoutError):
            log.warning("attempt %d failed", attempt)
            await asyncio.sleep(0.001 * 2**attempt)
    return "kept for later"
