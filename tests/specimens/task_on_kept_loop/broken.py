import asyncio

LOOP = asyncio.new_event_loop()


async def fetch():
    return 1


async def ask():
    log = asyncio.create_task(asyncio.Event().wait())
    try:
        value = await fetch()
    except ConnectionError:
        return 0
    log.cancel()
    return value


def answer():
    return LOOP.run_until_complete(ask())
