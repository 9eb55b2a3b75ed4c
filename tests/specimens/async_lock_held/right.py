import asyncio

LOCK = asyncio.Lock()


async def fetch():
    return 1


async def answer():
    async with LOCK:
        try:
            return await fetch()
        except ConnectionError:
            return 0
