def fetch():
    return {"price": 1}


def answer():
    return fetch()["price"]
