from concurrent.futures import ThreadPoolExecutor


def fetch():
    return 1


def answer():
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(fetch).result(timeout=0.05)
    except TimeoutError:
        return 0
    finally:
        pool.shutdown(wait=False)
