"""Asks a service who somebody is, and asks again when it answers with an error."""

import logging

import python_http_client
from python_http_client.exceptions import HTTPError

ATTEMPTS = 3

log = logging.getLogger(__name__)


def look_up(path):
    """Return what the service finds."""
    return b'{"name": "anna"}'


def answer(path):
    """Return the status and the body of the answer of the service."""
    try:
        return 200, look_up(path)
    except OSError:
        log.warning("nothing can be looked up")
        return 503, b'{"errors": ["busy"]}'


def ask(address):
    client = python_http_client.Client(host=address, timeout=5)
    for _ in range(ATTEMPTS):
        try:
            return client.users._("1").get().to_dict
        except HTTPError as error:
            log.warning("the service answers with %s", error.status_code)
    return None
