import asyncio
import threading

LOOP = asyncio.new_event_loop()
THREAD = threading.Thread(target=LOOP.run_forever, daemon=True)
THREAD.start()


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
        value = await fetch()
    except ConnectionError:
        return 0
    log.cancel()
    return value


def answer():
    return asyncio.run_coroutine_threadsafe(ask(), LOOP).result()
