import asyncio


async def fetch():
    return 1


async def answer():
    try:
        return await asyncio.wait_for(fetch(), 0.05)
    except TimeoutError:
        return 0
