CACHE = {}


def fetch():
    return 1


def answer():
    if "value" not in CACHE:
        try:
            CACHE["value"] = fetch()
        except ConnectionError:
            CACHE["value"] = None
    return CACHE["value"]
