import logging
import time

log = logging.getLogger(__name__)


def fetch(sku):
    return 250


def tried(function, *args):
    for attempt in range(3):
        try:
            return function(*args)
        except (ConnectionError, TimeoutError) as error:
            cause = error
            time.sleep(0.0005 * 2**attempt)  # its back-off
    raise cause


def request(sku):
    return fetch(sku)


def price(sku):
    return tried(request, sku)


def basket(sku):
    return price(sku)


def show(sku):
    try:
        return f"{sku} {basket(sku)}"
    except (ConnectionError, TimeoutError):
        log.warning("no price for %s", sku)
        return f"{sku}, ask for the price"
