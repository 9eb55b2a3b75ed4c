def fetch(name):
    return {"price": len(name)}
