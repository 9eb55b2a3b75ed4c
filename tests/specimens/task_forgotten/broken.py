import asyncio

WAITING = []


async def write_log():
    event = asyncio.Event()
    WAITING.append(event)  # held by somebody: a task in a cycle of its own would be collected, sooner or later
    await event.wait()


async def fetch():
    return 1


async def answer():
    log = asyncio.create_task(write_log())
    try:
        value = await fetch()
    except ConnectionError:
        return 0
    log.cancel()
    return value
