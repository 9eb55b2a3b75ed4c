"""The payment service as seen from the shop: deadline, retries, circuit breaker.

From the inside out: `post_charge` is the one network call, `attempt` gives its outcome a name
of ours, the breaker counts the outcomes, and `charge` tries again where that can help.
A charge carries an idempotency key, so trying again never takes the money twice.
"""

import httpx
import pybreaker
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from shop.errors import PaymentDeclined, PaymentGarbled, PaymentTimeout, PaymentUnavailable

TIMEOUT_S = 0.2  # a loopback charge takes a few ms; three of these stay well below one second
ATTEMPTS = 3
BACKOFF_S = 0.005  # doubles per attempt, up to:
BACKOFF_LIMIT_S = 0.02
FAILURES_TO_OPEN = 5  # more than one charge can cause by itself with its three attempts
OPEN_S = 0.2


def connect(base_url: str) -> httpx.Client:
    """Open the connection pool to the payment service."""
    return httpx.Client(base_url=base_url, timeout=None)


def post_charge(http: httpx.Client, key: str, amount: int, card: str) -> httpx.Response:
    """Send one charge over the wire."""
    return http.post(
        "/charges",
        json={"amount": amount, "card": card},
        headers={"Idempotency-Key": key},
    )


def read_payment_id(response: httpx.Response) -> str:
    """Return the id under which the service booked the charge.

    Raises:
        PaymentGarbled: the answer carries no such id.
    """
    try:
        return response.json()["payment_id"]
    except ValueError as error:
        raise PaymentGarbled("the payment service did not answer with JSON") from error


class Payments:
    """Client of the payment service. Blocks, so call it from a worker thread.

    pybreaker holds its lock during a call: charges run one after the other. That is the
    price of a breaker whose half-open state lets exactly one trial through.
    """

    def __init__(self, base_url: str) -> None:
        self._http = connect(base_url)
        self.breaker = pybreaker.CircuitBreaker(
            fail_max=FAILURES_TO_OPEN,
            reset_timeout=OPEN_S,
            exclude=[PaymentDeclined],  # a refusal is an answer, not an outage
            name="payments",
        )
        self._retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=BACKOFF_S, max=BACKOFF_LIMIT_S),
            retry=retry_if_exception_type((PaymentUnavailable, PaymentTimeout)),
            reraise=True,
        )

    def close(self) -> None:
        """Close the connection pool."""
        self._http.close()

    def charge(self, key: str, amount: int, card: str) -> str:
        """Take the money and return the payment's id.

        Raises:
            PaymentDeclined: the bank refused.
            PaymentGarbled: the answer makes no sense.
            PaymentTimeout: no answer in time, on every attempt.
            PaymentUnavailable: no connection on every attempt, or the breaker is open.
        """
        if self.breaker.current_state == pybreaker.STATE_OPEN:
            raise PaymentUnavailable("payments are paused after repeated failures")
        try:
            payment_id: str = self._retrying(self.breaker.call, self.attempt, key, amount, card)
        except pybreaker.CircuitBreakerError as error:
            raise PaymentUnavailable("payments are paused after repeated failures") from error
        return payment_id

    def attempt(self, key: str, amount: int, card: str) -> str:
        """Try once, and give whatever happens a name of ours."""
        try:
            response = post_charge(self._http, key, amount, card)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise PaymentTimeout("the payment service did not answer in time") from error
        except (httpx.TransportError, OSError) as error:
            raise PaymentUnavailable("the payment service cannot be reached") from error
        if response.status_code == httpx.codes.PAYMENT_REQUIRED:
            raise PaymentDeclined("the bank refused the charge")
        if response.is_server_error:
            raise PaymentUnavailable("the payment service failed")
        return read_payment_id(response)
