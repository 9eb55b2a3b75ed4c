import asyncio


def fetch():
    return 1


async def answer():
    asyncio.get_running_loop().call_soon(fetch)
    await asyncio.sleep(0)
    return 0
