import logging
from concurrent.futures import ThreadPoolExecutor

log = logging.getLogger(__name__)


def write(line):
    return len(line)


def send(line):
    return write(line)


def send_or_say(line):
    try:
        send(line)
    except (ConnectionError, TimeoutError):
        log.warning("not sent: %s", line)
        return False
    return True


def send_all(lines):
    with ThreadPoolExecutor(1) as pool:
        for number, line in enumerate(lines):
            if number >= 2:  # many: they must not hold us up
                pool.submit(send, line)
            elif not send_or_say(line):
                return number
    return len(lines)
