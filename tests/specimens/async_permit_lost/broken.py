import asyncio

SLOTS = asyncio.Semaphore(2)


async def fetch():
    return 1


async def answer():
    await SLOTS.acquire()
    try:
        value = await fetch()
    except ConnectionError:
        return 0
    SLOTS.release()
    return value
