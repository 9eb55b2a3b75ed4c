def fetch():
    return 1


def answer():
    for _ in range(3):
        try:
            return fetch()
        except:  # noqa: E722  # the weakness
            continue
    return 0
