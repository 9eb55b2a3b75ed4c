"""What it costs to watch an answer, by client; and what a run pays for which nothing is watched.

    python benchmarks/answers.py [--check]

With ``--check`` it exits with 1 where a bar is missed. The bar is for one answer, under a contract that judges it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pytest_chaos.answers.all_clients import watched_answers
from pytest_chaos.injector.importing import Imports
from pytest_chaos.last_resorts import watched_last_resorts
from pytest_chaos.observation import Answer
from pytest_chaos.provenance import Provenance

BAR_US = 100.0
ROUNDS, CALLS = 9, 200


def best_us(call: Callable[[], object]) -> float:
    """Return what one call takes, in microseconds: the best of several rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        found.append((time.perf_counter() - began) / CALLS * 1e6)
    return min(found)


def askers() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the clients that are installed, each with a call of it."""
    import httpx

    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, json={"paid": True})))
    yield "httpx", lambda: client.get("http://shop/")
    try:
        import flask
    except ImportError:
        return
    app = flask.Flask("shop")
    app.add_url_rule("/", "pay", lambda: {"paid": True})
    yield "Flask's test client", app.test_client().get


def main() -> int:
    """Print the figures, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed")
    is_checked = parser.parse_args().check
    provenance = Provenance(Path(tempfile.gettempdir()))
    is_kept = True
    for name, ask in askers():
        bare = best_us(ask)
        seen: list[Answer] = []
        with watched_answers(provenance, seen.append):
            watched = best_us(ask)
        more = watched - bare
        is_kept &= more <= BAR_US and len(seen) == ROUNDS * CALLS
        print(f"{name}: {bare:.1f} us an answer, {more:+.1f} us watched (bar {BAR_US:.0f})")

    def watch_nothing() -> None:
        with watched_last_resorts(lambda *told: None, Imports()):
            pass

    print(f"last resorts, a body in which none is reached: {best_us(watch_nothing):.1f} us")
    return 1 if is_checked and not is_kept else 0


if __name__ == "__main__":
    sys.exit(main())
