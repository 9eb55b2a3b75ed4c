"""A web application that shows prices; a WSGI application."""

import json

import services


def answer(sku: str) -> tuple[str, dict[str, object]]:
    """Return the status and the body for an article."""
    try:
        services.count(sku)
        return "200 OK", {"price": services.price(sku)}
    except KeyError:
        return "404 Not Found", {"code": "unknown", "message": f"there is no {sku}"}
    except ConnectionError:
        return "503 Service Unavailable", {"code": "down", "message": "come back later"}
    except TimeoutError:
        return "500 Internal Server Error", {"code": "bug", "message": "this should not happen"}


def application(environ, start_response):
    """Answer a request."""
    status, body = answer(environ["PATH_INFO"].rpartition("/")[2])
    start_response(status, [("content-type", "application/json")])
    return [json.dumps(body).encode()]
