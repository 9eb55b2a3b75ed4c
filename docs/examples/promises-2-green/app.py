"""A web application that sells: it charges a card, and shows what others have bought."""

import contextlib
import json
import time


def charge(card: str) -> str:
    """Ask the bank."""
    return f"receipt for {card}"


def advise() -> list[str]:
    """Ask the service that knows what others have bought."""
    return ["tea"]


def sale() -> dict[str, object]:
    """Sell a mug."""
    receipt, advice = charge("card-1"), []
    with contextlib.suppress(ConnectionError):  # nobody needs it
        advice = advise()
    return {"receipt": receipt, "advice": advice}


def failed(code: str, message: str) -> dict[str, object]:
    """Return the body of every error answer."""
    return {"code": code, "message": message, "timestamp": time.time()}


def application(environ, start_response):
    """Answer a request; a WSGI application."""
    try:
        status, body = "200 OK", sale()
    except TimeoutError:
        status, body = "504 Gateway Timeout", failed("bank-slow", "The bank has not answered.")
    except ConnectionError:
        status, body = "503 Service Unavailable", failed("bank-down", "The bank cannot be reached.")
    start_response(status, [("content-type", "application/json")])
    return [json.dumps(body).encode()]
