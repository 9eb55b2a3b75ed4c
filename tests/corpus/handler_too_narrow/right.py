import logging

LAST_KNOWN = {"mug": 250}

log = logging.getLogger(__name__)


def fetch(sku, is_slow=False):
    if is_slow:
        raise TimeoutError(f"no price for {sku} in time")
    return 250


def price(sku):
    try:
        return fetch(sku)
    except (ConnectionError, TimeoutError):
        log.warning("no price for %s, using the last known one", sku)
        return LAST_KNOWN[sku]
