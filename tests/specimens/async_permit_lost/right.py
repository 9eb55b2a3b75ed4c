import asyncio

SLOTS = asyncio.Semaphore(2)


async def fetch():
    return 1


async def answer():
    async with SLOTS:
        try:
            return await fetch()
        except ConnectionError:
            return 0
