def fetch():
    return {"price": 1}


def answer():
    found = fetch()
    return 0 if found is None else found["price"]
