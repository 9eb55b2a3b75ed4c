import asyncio

LOOP = asyncio.new_event_loop()


async def fetch():
    return 1


async def ask():
    log = asyncio.create_task(asyncio.Event().wait())
    try:
        return await fetch()
    except ConnectionError:
        return 0
    finally:
        log.cancel()


def answer():
    return LOOP.run_until_complete(ask())
