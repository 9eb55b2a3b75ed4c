import asyncio


async def fetch():
    return 1


async def answer():
    log = asyncio.create_task(fetch())
    await asyncio.wait([log])
    return 0
