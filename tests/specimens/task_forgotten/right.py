import asyncio


async def fetch():
    return 1


async def answer():
    log = asyncio.create_task(asyncio.Event().wait())
    try:
        return await fetch()
    except ConnectionError:
        return 0
    finally:
        log.cancel()
