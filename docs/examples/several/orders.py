"""Orders: paid at the bank, announced by mail."""

import logging

log = logging.getLogger(__name__)


def charge(amount: int) -> str:
    """Take the money."""
    return "receipt"


def announce(receipt: str) -> None:
    """Tell the customer."""


def place(amount: int) -> str:
    """Place an order: the money counts, the mail is a courtesy."""
    for attempt in range(3):
        try:
            receipt = charge(amount)
            break
        except ConnectionError:
            log.warning("attempt %s to charge failed", attempt + 1)
    else:
        return "refused"
    try:
        announce(receipt)
    except OSError:
        log.warning("the customer was not told")
        return "placed quietly"
    return "placed"
