async def fetch():
    return 1


async def answer():
    return await fetch()
