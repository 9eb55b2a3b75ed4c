"""A small web application: two pages on one database."""

import json


def query(table: str) -> dict[str, int]:
    """Ask the database."""
    return {"mug": 3} if table == "stock" else {"mug": 450}


def application(environ, start_response):
    """Answer a request; a WSGI application."""
    try:
        status, body = PAGES[environ["PATH_INFO"]]()
    except Exception as error:
        status, body = "500 Internal Server Error", {"message": repr(error)}
    start_response(status, [("content-type", "application/json")])
    return [json.dumps(body).encode()]


def stock():
    """Show what is on the shelf, or say that it cannot be told."""
    try:
        return "200 OK", query("stock")
    except ConnectionError:
        return "503 Service Unavailable", {"message": "stock is not known at the moment"}


def prices():
    """Show the prices; that the database may be away was forgotten here."""
    return "200 OK", query("prices")


PAGES = {"/stock": stock, "/prices": prices}
