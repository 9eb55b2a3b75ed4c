import asyncio
import logging

UPLOADS = []

log = logging.getLogger(__name__)


async def send(name, text):
    return len(text)


async def tell_aborted(name):
    return "thank you"


async def upload(path):
    file = path.open()
    UPLOADS.append(file)
    try:
        async with asyncio.timeout(0.05):
            await send(path.name, file.read())
    except (ConnectionError, TimeoutError):
        log.warning("%s was not sent", path.name)
        await abort(path.name)
    finally:
        UPLOADS.remove(file)
        file.close()


async def abort(name):
    async with asyncio.timeout(0.05):
        await tell_aborted(name)


async def backup(path):
    try:
        await upload(path)
    except (ConnectionError, TimeoutError):
        log.exception("%s: the server does not know of the end", path.name)
