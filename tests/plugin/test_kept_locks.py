"""Locks that an error leaves held, also those that go with the object that they are in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHOP = """
    import bank, contextlib, threading

    class Till:
        def __init__(self):
            self.lock = threading.Lock()

        def keeps_it(self):
            self.lock.acquire()
            bank.pay()
            self.lock.release()

        def keeps_it_and_takes_the_error(self):
            self.lock.acquire()
            try:
                bank.pay()
            except OSError:
                return
            self.lock.release()

        def releases_it(self):
            self.lock.acquire()
            try:
                bank.pay()
            finally:
                self.lock.release()

        def uses_it(self):
            with self.lock:
                bank.pay()

        def gives_it_away(self):
            self.lock.acquire()
            try:
                yield
            finally:
                self.lock.release()

        def opens(self):
            self.lock.acquire()

        def asks(self):
            bank.pay()

        def closes(self):
            self.lock.release()

    OUTLIVES = threading.Lock()

    def keeps_what_outlives_it():
        OUTLIVES.acquire()
        bank.pay()
        OUTLIVES.release()
"""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def told(pytester: Any, *body: str, teardown: str = "pass") -> list[tuple[bool, str, str]]:
    """Explore a test under errors of the bank; return whether a held lock fails, its place, and its text."""
    lines = "\n".join(f"                {line}" for line in body)
    pytester.makepyfile(
        bank='def pay(): return "paid"',
        shop=SHOP,
        test_shop=f"""
            import shop
            import pytest

            @pytest.fixture
            def till():
                till = shop.Till()
                yield till
                {teardown}

            def test_it(till):
{lines}
        """,
    )
    pytester.runpytest_subprocess(
        *("-p", "chaos", "--chaos", "--chaos-target=bank:pay", "--chaos-fault=raise(OSError)"),
        "--chaos-report=chaos.json",
    )
    report = json.loads(Path(pytester.path, "chaos.json").read_text())
    assert [one for one in report["results"] if one["kind"] == "explored" and one["activations"]]
    return [(one["fails"], one["place"], one["text"]) for one in report["findings"] if one["kind"] == "lock"]


@pytest.mark.parametrize(
    ("call", "place"),
    [("till.keeps_it()", "8 Till.keeps_it"), ("till.keeps_it_and_takes_the_error()", "13 Till.keeps_it_and_takes_")],
)
def test_lock_that_goes_with_its_object_is_told_where_it_was_taken(pytester: Any, call: str, place: str) -> None:
    ((fails, where, text),) = told(pytester, call)

    assert (True, f"shop.py:{place}") == (fails, where[: len(f"shop.py:{place}")])
    assert text.startswith("held lock self.lock made at shop.py:5 in Till.__init__")
    assert text.endswith("; it was held when the body ended, and went with its object")


def test_lock_that_outlives_the_test_is_told_where_it_was_taken(pytester: Any) -> None:
    ((fails, where, text),) = told(pytester, "shop.keeps_what_outlives_it()")

    assert (True, "shop.py:50 keeps_what_outlives_it") == (fails, where)
    assert "held lock shop.OUTLIVES" in text or "held lock OUTLIVES" in text
    assert text.endswith("; taken at shop.py:50 in keeps_what_outlives_it")


@pytest.mark.parametrize(
    "body",
    [
        ("till.releases_it()",),
        ("till.uses_it()",),
        ("for _ in till.gives_it_away(): till.asks()",),
        ("till.opens()", "till.asks()", "till.closes()"),
        ("till.lock.acquire()", "till.asks()"),
    ],
)
def test_lock_that_is_given_back_or_that_no_failed_function_took_is_not_told(
    pytester: Any, body: tuple[str, ...]
) -> None:
    assert [] == told(pytester, *body)


def test_lock_that_a_fixture_gives_back_is_not_told(pytester: Any) -> None:
    assert [] == told(pytester, "till.keeps_it()", teardown="till.lock.locked() and till.lock.release()")
