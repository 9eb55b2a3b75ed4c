def fetch():
    return 1


def answer():
    try:
        return fetch()
    except ConnectionError as error:
        return -(error.errno or 0)
