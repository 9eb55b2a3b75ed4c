import asyncio
import logging
import threading

log = logging.getLogger(__name__)


async def fetch(page):
    return [page]


async def rows(pages):
    found = []
    done = threading.Event()
    reader = threading.Thread(target=done.wait, name="second-reader", daemon=True)
    for page in range(pages):
        if page == 2:  # a long list, worth a second reader
            reader.start()
        try:
            async with asyncio.timeout(0.05):
                found += await fetch(page)
        except (ConnectionError, TimeoutError):
            log.warning("page %d is missing", page)
            return found
    done.set()
    if reader.ident is not None:
        reader.join()
    return found
