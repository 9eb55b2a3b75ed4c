import asyncio


async def answer():
    try:
        return await asyncio.wait_for(asyncio.to_thread(fetch), 0.05)
    except TimeoutError:
        return 0


def fetch():
    return 1
