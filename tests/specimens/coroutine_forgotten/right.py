async def fetch():
    return 1


async def notify():
    pass


async def answer():
    try:
        return await fetch()
    except ConnectionError:
        await notify()
        return 0
