FILES = []


def fetch():
    return 1


def answer():
    file = open(__file__)  # noqa: SIM115  # what may go wrong here is the point
    FILES.append(file)
    try:
        value = fetch()
    except ConnectionError:
        return 0
    FILES.remove(file)
    file.close()
    return value
