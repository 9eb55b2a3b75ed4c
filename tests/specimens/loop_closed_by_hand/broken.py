import asyncio

TASKS = []


WAITING = []


async def write_log():
    event = asyncio.Event()
    WAITING.append(event)  # held by somebody: a task in a cycle of its own would be collected, sooner or later
    await event.wait()


async def fetch():
    return 1


async def ask():
    log = asyncio.create_task(write_log())
    TASKS.append(log)
    try:
        value = await fetch()
    except ConnectionError:
        return 0
    log.cancel()
    return value


def answer():
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(ask())
    finally:
        loop.close()
