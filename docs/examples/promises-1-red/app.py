"""A web application that sells: it charges a card, and shows what others have bought."""

import json


def charge(card: str) -> str:
    """Ask the bank."""
    return f"receipt for {card}"


def advise() -> list[str]:
    """Ask the service that knows what others have bought."""
    return ["tea"]


def sale() -> dict[str, object]:
    """Sell a mug."""
    return {"receipt": charge("card-1"), "advice": advise()}


def application(environ, start_response):
    """Answer a request; a WSGI application."""
    try:
        status, body = "200 OK", sale()
    except OSError as error:
        status, body = "500 Internal Server Error", {"error": type(error).__name__}
    start_response(status, [("content-type", "application/json")])
    return [json.dumps(body).encode()]
