from concurrent.futures import ThreadPoolExecutor


def fetch():
    return 1


def answer():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(fetch).result()
