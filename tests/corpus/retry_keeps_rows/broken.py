import asyncio
import logging

PAGES = [["mug"], ["kettle"], ["lamp"]]
LAST_REPORT = ["mug", "kettle", "lamp"]

log = logging.getLogger(__name__)


async def fetch(page):
    return PAGES[page]


async def report():
    rows = []
    for attempt in range(3):
        try:
            for page in range(3):
                async with asyncio.timeout(0.05):
                    rows += await fetch(page)
            return rows
        except (ConnectionError, TimeoutError):
            log.warning("page %d failed, starting from the first page", page)
            await asyncio.sleep(0.001 * 2**attempt)
    return LAST_REPORT
