import asyncio

LOOP = asyncio.new_event_loop()


WAITING = []


async def write_log():
    event = asyncio.Event()
    WAITING.append(event)  # held by somebody: a task in a cycle of its own would be collected, sooner or later
    await event.wait()


async def fetch():
    return 1


async def ask():
    log = asyncio.create_task(write_log())
    try:
        return await fetch()
    except ConnectionError:
        return 0
    finally:
        log.cancel()


def answer():
    return LOOP.run_until_complete(ask())
