STATE = {"failures": 0}


def fetch():
    return 1


def answer():
    if STATE["failures"] >= 2:
        return None
    try:
        return fetch()
    except ConnectionError:
        STATE["failures"] += 1
        return None
