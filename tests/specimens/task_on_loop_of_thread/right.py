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
        return await fetch()
    except ConnectionError:
        return 0
    finally:
        log.cancel()


def answer():
    return asyncio.run_coroutine_threadsafe(ask(), LOOP).result()
