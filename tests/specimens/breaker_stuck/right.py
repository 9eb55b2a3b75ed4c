import logging

STATE = {"failures": 0, "refused": 0}


def fetch():
    return 1


def answer():
    if STATE["failures"] >= 2 and STATE["refused"] < 2:
        STATE["refused"] += 1
        return None
    STATE["refused"] = 0
    try:
        value = fetch()
    except ConnectionError:
        STATE["failures"] += 1
        logging.warning("not fetched")
        return None
    STATE["failures"] = 0
    return value
