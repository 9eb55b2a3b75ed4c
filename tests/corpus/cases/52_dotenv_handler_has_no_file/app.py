"""Changes one setting in a file of settings; a file that cannot be written is told to the caller."""

import logging

import dotenv

log = logging.getLogger(__name__)


def change(path, key, value):
    try:
        dotenv.set_key(path, key, value)
    except OSError as error:
        log.warning("%s was not changed: %s", key, error)
        return False
    return True
