import asyncio

links = []


async def fetch():
    return 1


async def answer(port):
    links.append(await asyncio.open_connection("127.0.0.1", port))
    _, writer = links[-1]
    try:
        value = await fetch()
    except ConnectionError:
        return 0
    writer.close()
    return value
