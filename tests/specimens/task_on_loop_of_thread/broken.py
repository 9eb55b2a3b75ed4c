import asyncio
import threading

LOOP = asyncio.new_event_loop()
THREAD = threading.Thread(target=LOOP.run_forever, daemon=True)
THREAD.start()


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
    return asyncio.run_coroutine_threadsafe(ask(), LOOP).result()
