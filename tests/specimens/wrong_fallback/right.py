LAST = ["mug"]


def fetch():
    return LAST


def basket():
    try:
        return fetch()
    except ConnectionError:
        return LAST
