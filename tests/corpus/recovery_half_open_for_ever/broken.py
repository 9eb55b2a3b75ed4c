import logging

log = logging.getLogger(__name__)


def fetch(sku):
    return 250


class Breaker:
    """Opens after two failures in a row; then every second call is a trial."""

    def __init__(self):
        self.state = "closed"
        self.failures = 0

    def call(self, function, *args):
        if self.state == "trial":
            raise ConnectionRefusedError("somebody else is trying")
        if self.state == "open":
            self.state = "next is a trial"
            raise ConnectionRefusedError("left alone for a while")
        if self.state == "next is a trial":
            self.state = "trial"
        try:
            answer = function(*args)
        except (ConnectionError, TimeoutError):
            self.failures += 1
            if self.failures == 2:
                self.state = "open"
            raise
        self.state, self.failures = "closed", 0
        return answer


BREAKER = Breaker()


def price(sku):
    try:
        return BREAKER.call(fetch, sku)
    except (ConnectionError, TimeoutError):
        log.warning("no price for %s", sku)
        return "on request"
