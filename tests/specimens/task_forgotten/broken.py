import asyncio


async def fetch():
    return 1


async def answer():
    log = asyncio.create_task(asyncio.Event().wait())
    try:
        value = await fetch()
    except ConnectionError:
        return 0
    log.cancel()
    return value
