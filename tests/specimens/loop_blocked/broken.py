async def answer():
    return fetch()


def fetch():
    return 1
