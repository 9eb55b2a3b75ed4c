"""The payment service, and the rates of foreign money."""

import requests


class PaymentError(Exception):
    """The payment service did not take the money."""

    def __init__(self, message, response=None):
        super().__init__(message)
        self.response = response


class Payments:
    def __init__(self, url):
        self.url = url
        self.rates = {}

    def charge(self, card, cents):
        try:
            answer = requests.post(f"{self.url}/charge", json={"card": card, "cents": cents})
        except requests.RequestException as error:
            raise PaymentError(f"payment service: {error}") from error
        if answer.status_code != 200:
            raise PaymentError("refused", answer)
        return answer.json()["receipt"]

    def rate(self, currency):
        """How many cents one unit of `currency` is."""
        if currency not in self.rates:
            try:
                answer = requests.get(f"{self.url}/rates/{currency}", timeout=2)
                answer.raise_for_status()
                self.rates[currency] = answer.json()["rate"]
            except requests.RequestException:
                self.rates[currency] = None
        return self.rates[currency]
