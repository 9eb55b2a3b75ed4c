import logging
import time

log = logging.getLogger(__name__)


class Bank:
    def __init__(self):
        self.taken = {}

    def charge(self, key, amount):
        self.taken[key] = amount


def pay(bank, order, amount):
    for attempt in range(3):
        try:
            bank.charge(f"{order}/{attempt}", amount)
            return "paid"
        except ConnectionError:
            log.warning("no answer from the bank for order %s", order)
            time.sleep(0.001 * 2**attempt)  # its back-off
    return "in doubt"
