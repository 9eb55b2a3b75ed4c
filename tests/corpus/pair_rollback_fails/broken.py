import asyncio
import logging

EDITED = set()

log = logging.getLogger(__name__)


async def save(page, text):
    return len(text)


async def restore(page):
    return 0


async def edit(page, text):
    if page in EDITED:
        return "somebody else is editing"
    EDITED.add(page)
    try:
        async with asyncio.timeout(0.05):
            await save(page, text)
        state = "saved"
    except (ConnectionError, TimeoutError):
        log.warning("page %s was not saved, restoring it", page)
        await undo(page)
        state = "restored"
    EDITED.discard(page)
    return state


async def undo(page):
    async with asyncio.timeout(0.05):
        await restore(page)


async def handle(page, text):
    try:
        return await edit(page, text)
    except (ConnectionError, TimeoutError):
        log.exception("page %s was neither saved nor restored", page)
        return "broken"
