"""The payment service by itself: what the shop's retries rely on. Both variants pass."""

import httpx
import pytest


@pytest.fixture
def bank(payment_url):
    """A bare HTTP client of the payment service."""
    with httpx.Client(base_url=payment_url) as http:
        yield http


def test_one_key_is_booked_once(bank):
    """Sending the same charge again answers with the same payment."""

    def charge(key):
        return bank.post("/charges", json={"amount": 450, "card": "card-good"}, headers={"Idempotency-Key": key}).json()

    assert charge("twice-sent") == charge("twice-sent")
    assert charge("twice-sent") != charge("another")
