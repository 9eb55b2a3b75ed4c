import asyncio

TASKS = []


async def fetch():
    return 1


async def ask():
    log = asyncio.create_task(asyncio.Event().wait())
    TASKS.append(log)
    try:
        return await fetch()
    except ConnectionError:
        return 0
    finally:
        log.cancel()


def answer():
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(ask())
    finally:
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
