import logging
import time

log = logging.getLogger(__name__)


def authenticate(user, password):
    if password != "secret":
        raise PermissionError("wrong password")
    return "token"


def log_in(user, password):
    for attempt in range(3):
        try:
            authenticate(user, password)
            return "welcome"
        except OSError as error:  # a refusal is one too, and three of them lock the account
            log.warning("attempt %d: %s", attempt, error)
            time.sleep(0.001 * 2**attempt)  # its back-off
    return "refused"
