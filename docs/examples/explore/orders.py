"""Orders are paid at the bank and announced by mail."""

import bank
import mail

ATTEMPTS = 3


def pay(amount: float) -> str:
    """Pay, with up to three attempts."""
    for attempt in range(ATTEMPTS):
        try:
            return bank.charge(amount)
        except ConnectionError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("not reached")


def order(price: float, currency: str = "EUR") -> dict:
    """Place an order and say how it went."""
    receipt = pay(price * bank.rate(currency))
    try:
        announced = mail.send(f"Thank you: {receipt}")
    except OSError:
        announced = False
    return {"receipt": receipt, "announced": announced}
