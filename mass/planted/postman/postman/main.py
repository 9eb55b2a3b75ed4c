"""The command line: postman FEED STATE HOST PORT ADDRESS."""

import sys

from postman import feeds, state
from postman.feeds import Titles
from postman.mailer import Mailer


def new_ones(url, path):
    """What is new in a feed; it counts as seen from then on."""
    seen = state.load(path)
    found = [one for one in feeds.read(url) if one not in seen]
    state.save(path, seen | set(found))
    return found


def run(url, path, mailer, to):
    found = new_ones(url, path)
    if found:
        mailer.send_counted(to, "\n".join([Titles().get(url), *found]))
    return len(found)


def main(arguments):
    url, path, host, port, to = arguments
    try:
        count = run(url, path, Mailer(host, int(port)), to)
    except OSError as error:
        print(f"postman: {error}", file=sys.stderr)
        count = 0
    print(f"{count} new")
    return 0
