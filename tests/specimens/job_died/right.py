from concurrent.futures import ThreadPoolExecutor


def fetch():
    return 1


def answer():
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(fetch)
    return 0 if job.exception() else job.result()
