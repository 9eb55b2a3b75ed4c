import asyncio

LOCK = asyncio.Lock()


async def fetch():
    return 1


async def answer():
    await LOCK.acquire()
    try:
        value = await fetch()
    except ConnectionError:
        return 0
    LOCK.release()
    return value
