"""Downloads with four attempts."""

from retrying import retry


def download(name):
    return f"contents of {name}"


@retry(stop_max_attempt_number=4, wait_fixed=5)
def fetch(name):
    return download(name)
