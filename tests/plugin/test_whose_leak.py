"""Whose leak it is: the system's, or that of a test which an error kept from its own clean-up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHOP = """
    import asyncio, bank, queue, socket, subprocess, sys, threading

    class Till:
        def __init__(self, make):
            self.make, self.thing = make, None

        def open(self):
            self.thing = self.make()
            return self

        def close(self):
            if isinstance(self.thing, threading.Thread):
                self.thing.stop.set()
                self.thing.join()
            elif isinstance(self.thing, subprocess.Popen):
                self.thing.kill()
                self.thing.wait()
                self.thing.stdin.close()
            else:
                self.thing.close()

        def settle_and_close(self):
            bank.pay()
            self.close()

        def __enter__(self):
            self.open()
            bank.pay()
            return self

        def __exit__(self, *_):
            self.close()

    class Worker:  # ends by itself once it is told to, and nobody waits for that
        def __init__(self):
            self.jobs = queue.SimpleQueue()

        def open(self):
            threading.Thread(target=self.run, daemon=True).start()
            return self

        def run(self):
            while self.jobs.get():
                pass

        def close(self):
            self.jobs.put(False)

        def settle_and_close(self):
            bank.pay()
            self.close()

    def thread():
        stop = threading.Event()
        made = threading.Thread(target=stop.wait, daemon=True)
        made.stop = stop
        made.start()
        return made

    def child():
        return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    def pays():
        return bank.pay()

    loop = asyncio.new_event_loop()
    tasks = []

    def runs(work):
        async def begin():
            if work == "generator":
                ticks = count()
                await anext(ticks)
                tasks.append(ticks)
            else:
                tasks.append(asyncio.create_task(asyncio.sleep(3600)))
        loop.run_until_complete(begin())

    async def count():
        while True:
            yield 1

    def stops():
        async def end():
            one = tasks.pop()
            if isinstance(one, asyncio.Task):
                one.cancel()
                await asyncio.wait([one])
            else:
                await one.aclose()
        loop.run_until_complete(end())

    def pays_and_stops():
        bank.pay()
        stops()

    def runs_and_pays(work):
        runs(work)
        pays_and_stops()

    kept = []

    def opens_and_pays(make):
        till = Till(make).open()
        kept.append(till)
        bank.pay()
        till.close()
"""

THINGS = {"file-descriptor": "socket.socket", "thread": "shop.thread", "child-process": "shop.child"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def leaks_of(pytester: Any, body: str) -> list[tuple[bool, str]]:
    """Explore a test under one error; return whether it fails and what is said, for each leak that is not a note."""
    lines = body.replace("\n", "\n    ")
    pytester.makepyfile(
        bank="def pay(): return 1",
        shop=SHOP,
        test_shop=f"import contextlib, shop, socket\n\nkept = []\n\ndef test_it():\n    {lines}\n",
    )
    pytester.runpytest_subprocess(
        *("-p", "chaos", "--chaos", "--chaos-target=bank:pay", "--chaos-fault=raise(OSError)"),
        "--chaos-report=chaos.json",
    )
    results = json.loads(Path(pytester.path, "chaos.json").read_text())["results"]
    (result,) = [one for one in results if one["kind"] == "explored"]
    assert result["activations"], "the fault acted"
    return [(result["fails"], one["text"]) for one in result["evidence"] if one["oracle"] == "leaks"]


@pytest.mark.parametrize("kind", THINGS)
def test_what_the_test_did_not_come_to_end_is_a_note(pytester: Any, kind: str) -> None:
    made = f"till = shop.Till({THINGS[kind]}).open()\nkept.append(till)"

    ((fails, text), *_) = leaks_of(pytester, f"{made}\nassert shop.pays() == 1\ntill.close()")

    assert not fails
    assert text.endswith("; the test cleans it up itself, but failed before it got there")


@pytest.mark.parametrize("kind", THINGS)
def test_what_the_call_that_failed_has_made_is_the_systems(pytester: Any, kind: str) -> None:
    ((fails, text), *_) = leaks_of(pytester, f"shop.opens_and_pays({THINGS[kind]})")

    assert fails
    assert "the test cleans it up itself" not in text


@pytest.mark.parametrize(
    "body",
    [
        "till = shop.Till(shop.thread).open()\nkept.append(till)\ntill.settle_and_close()",
        "till = shop.Till(shop.thread)\nkept.append(till)\nwith till:\n    pass",
    ],
    ids=["the call that ends it fails", "its with fails halfway"],
)
def test_what_the_call_that_ends_it_has_left_is_the_systems(pytester: Any, body: str) -> None:
    ((fails, text), *_) = leaks_of(pytester, body)

    assert fails
    assert "the test cleans it up itself" not in text


@pytest.mark.parametrize(
    "body",
    [
        "till = shop.Till(shop.thread).open()\ntry:\n    shop.pays()\nfinally:\n    till.close()",
        "with contextlib.closing(shop.Till(shop.thread).open()):\n    shop.pays()",
    ],
    ids=["finally", "with"],
)
def test_what_the_test_ends_whatever_happens_is_not_left(pytester: Any, body: str) -> None:
    assert [] == leaks_of(pytester, body)


@pytest.mark.parametrize("work", ["task", "generator"])
@pytest.mark.parametrize(
    ("body", "fails"),
    [
        ("shop.runs(WORK)\nshop.pays()\nshop.stops()", False),
        ("shop.runs(WORK)\nshop.pays_and_stops()\nassert len(kept) == 0", True),
        ("shop.runs_and_pays(WORK)\nprint()", True),
    ],
    ids=["a later call ends it", "the call that ends it fails", "the call that makes it fails"],
)
def test_what_nobody_sees_end_is_reported_where_later_calls_were_skipped(
    pytester: Any, work: str, body: str, fails: bool
) -> None:
    """Of tasks and asynchronous generators it is not known which call of the plain run has ended them."""
    ((does_fail, text), *_) = leaks_of(pytester, body.replace("WORK", repr(work)))

    assert does_fail is fails
    assert "in runs" in text


@pytest.mark.parametrize(
    "body",
    [
        "worker = shop.Worker().open()\nassert shop.pays() == 1\nworker.close()",
        "worker = shop.Worker()\nworker.open()\nassert shop.pays() == 1\nworker.close()",
    ],
    ids=["it is bound", "it is told to begin"],
)
def test_what_ends_by_itself_once_the_test_has_closed_it_is_a_note(pytester: Any, body: str) -> None:
    ((fails, text), *_) = leaks_of(pytester, body)

    assert not fails
    assert text.endswith("; the test cleans it up itself, but failed before it got there")


@pytest.mark.parametrize(
    "body",
    [
        "worker = shop.Worker().open()\nworker.settle_and_close()",
        "worker, till = shop.Worker(), shop.Till(socket.socket).open()\nworker.open()\n"
        "worker.settle_and_close()\ntill.close()",
        "worker = shop.Worker().open()\ntry:\n    worker.settle_and_close()\nfinally:\n    worker.close",
    ],
    ids=["the system closes it", "the test closes something else", "nothing is called"],
)
def test_what_ends_by_itself_once_the_system_has_closed_it_is_the_systems(pytester: Any, body: str) -> None:
    ((fails, text), *_) = leaks_of(pytester, body)

    assert fails
    assert "the test cleans it up itself" not in text
