"""Offers: which faults a call can really meet, as its function, its caller and its boundaries say."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.clauses import Sources
from pytest_chaos.faults.base import Limit
from pytest_chaos.notation import format_fault, parse_target
from pytest_chaos.offers import offers
from pytest_chaos.target import resolve
from pytest_chaos.trace import CallSite

SHOP = """
    import functools
    import json
    import subprocess
    import urllib.request

    import httpx
    from typing import Optional

    class BankDown(Exception): pass
    class Refused(BankDown):
        def __init__(self, amount, currency): super().__init__(amount, currency)
    class SlowTimeout(Exception): pass

    def silent(): return 1

    def raises(amount):
        if amount > 3:
            raise BankDown
        if amount > 2:
            raise BankDown("too much")
        raise ValueError("no") from None

    def raises_what_nobody_offers(kind):
        raise AssertionError("a check")
        raise NotImplementedError
        raise StopIteration
        raise MemoryError
        raise Exception("anything")
        raise kind
        raise Refused(1, "EUR")
        raise

    def raises_inside():
        def inner():
            raise BankDown
        return inner

    def slow(): raise SlowTimeout
    def timed(timeout=None): raise SlowTimeout

    def optional() -> Optional[int]: return 1
    def nothing() -> None: return None
    def anything() -> object: return 1
    def either() -> "int | None": return 1

    def fetches(): return urllib.request.urlopen("http://x/", timeout=1)
    def runs(): return subprocess.run(["true"])
    def opens(): return open("/dev/null")
    def gets(): return httpx.get("http://x/")

    async def soon(): raise BankDown

    def passing(function):
        @functools.wraps(function)
        def wrapper(*args): return function(*args)
        return wrapper

    @passing
    def wrapped(): raise BankDown

    part = functools.partial(raises, 1)

    class Till:
        @property
        def total(self): raise BankDown
        @classmethod
        def opened(cls): raise BankDown
        @staticmethod
        def closed(): raise BankDown

    def plain_caller():
        silent()  # call

    def catches():
        try:
            silent()  # call
        except (BankDown, KeyError):
            pass
        except Exception:
            pass
        try:
            json.loads("1")
        except ZeroDivisionError:
            pass

    def catches_around():
        try:
            try:
                silent()  # call
            finally:
                pass
        except BankDown:
            pass

    def catches_late():
        try:
            silent()  # call
        except TimeoutError:
            pass

    def calls_in_the_handler():
        try:
            json.loads("1")
        except KeyError:
            silent()  # call
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


def offered(target: str, caller: Any, limit: Limit | None = None) -> list[str]:
    """Return the texts of what is offered for a call that a function makes on its line marked as the call."""
    lines, first = inspect.getsourcelines(caller)
    line = next((first + n for n, text in enumerate(lines) if "# call" in text), first)
    site = CallSite("shop.py", line, caller.__name__, line - first, False, caller.__code__, caller.__globals__)
    (point,) = resolve(parse_target(target))
    return [format_fault(fault) for fault in offers(point, site, limit, Sources(), Catalogue())]


def errors(texts: list[str]) -> list[str]:
    return [text for text in texts if text.startswith("raise")]


# --- what the function raises


def test_function_that_says_nothing_meets_the_usual_errors(shop: Any) -> None:
    assert offered("shop:silent", shop.plain_caller) == ["raise(ConnectionError)", "raise(TimeoutError)", "hang"]


def test_errors_that_the_function_raises_by_name_are_offered_once(shop: Any) -> None:
    assert offered("shop:raises", shop.plain_caller) == ["raise(shop:BankDown)", "raise(ValueError)", "hang"]


def test_what_stands_for_anything_or_wants_arguments_is_not_offered(shop: Any) -> None:
    """Nor signals to the interpreter, nor a check that failed."""
    found = errors(offered("shop:raises_what_nobody_offers", shop.plain_caller))

    assert found == ["raise(ConnectionError)", "raise(TimeoutError)"]


def test_errors_of_a_function_inside_are_not_the_functions(shop: Any) -> None:
    assert "raise(shop:BankDown)" not in offered("shop:raises_inside", shop.plain_caller)


@pytest.mark.parametrize(
    "target", ["shop:wrapped", "shop:part", "shop:soon", "shop:Till.total", "shop:Till.opened", "shop:Till.closed"]
)
def test_function_is_found_behind_what_wraps_it(shop: Any, target: str) -> None:
    assert "raise(shop:BankDown)" in offered(target, shop.plain_caller)


# --- what the caller catches


def test_errors_that_the_caller_catches_by_name_around_the_call_are_offered(shop: Any) -> None:
    found = offered("shop:silent", shop.catches)

    assert found == ["raise(shop:BankDown)", "raise(KeyError)", "hang"]


def test_outer_clauses_are_around_the_call_too(shop: Any) -> None:
    assert "raise(shop:BankDown)" in offered("shop:silent", shop.catches_around)


def test_call_in_a_handler_is_not_inside_its_try(shop: Any) -> None:
    assert "raise(KeyError)" not in offered("shop:silent", shop.calls_in_the_handler)


def test_caller_that_cannot_be_read_offers_nothing(shop: Any) -> None:
    site = CallSite("", 0, "", 0, False)
    (point,) = resolve(parse_target("shop:silent"))

    assert errors([format_fault(fault) for fault in offers(point, site, None, Sources(), Catalogue())]) == [
        "raise(ConnectionError)",
        "raise(TimeoutError)",
    ]


# --- timeouts


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, ["raise(shop:SlowTimeout)"]),
        (Limit("timeout", 2.0, None), ["raise(shop:SlowTimeout)"]),
        (Limit("timeout", None, None), ["raise(ConnectionError)"]),
    ],
)
def test_call_without_a_timeout_cannot_time_out(shop: Any, limit: Limit | None, expected: list[str]) -> None:
    """Unless it takes none: then nobody can tell."""
    assert errors(offered("shop:timed", shop.plain_caller, limit)) == expected


def test_timeout_that_the_caller_catches_needs_one_too(shop: Any) -> None:
    assert errors(offered("shop:silent", shop.catches_late, Limit("timeout", None, None))) == ["raise(ConnectionError)"]
    assert errors(offered("shop:silent", shop.catches_late)) == ["raise(TimeoutError)"]


# --- null


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("shop:optional", True),
        ("shop:either", True),
        ("shop:nothing", False),
        ("shop:anything", False),
        ("shop:silent", False),
    ],
)
def test_null_is_offered_where_the_annotation_allows_it_beside_something_else(
    shop: Any, target: str, expected: bool
) -> None:
    assert expected is ("null" in offered(target, shop.plain_caller))


# --- boundaries


def test_errors_of_a_boundary_that_the_function_calls_are_offered(shop: Any) -> None:
    assert "raise(urllib.error:URLError, 'connection refused')" in offered("shop:fetches", shop.plain_caller)
    assert "raise(FileNotFoundError)" in offered("shop:runs", shop.plain_caller)
    assert "raise(PermissionError)" in offered("shop:opens", shop.plain_caller)


@pytest.mark.parametrize(
    ("target", "hangs"),
    [("builtins:open", False), ("sqlite3:connect", False), ("subprocess:run", True), ("urllib.request:urlopen", True)],
)
def test_local_files_and_databases_do_not_hang(shop: Any, target: str, hangs: bool) -> None:
    assert hangs is ("hang" in offered(target, shop.plain_caller))


@pytest.mark.parametrize(
    ("limit", "expected"), [(Limit("timeout", 1.0, None), True), (Limit("timeout", None, None), False)]
)
def test_boundary_times_out_where_it_was_given_a_timeout(shop: Any, limit: Limit, expected: bool) -> None:
    assert expected is ("raise(TimeoutError)" in offered("urllib.request:urlopen", shop.plain_caller, limit))


def test_call_that_its_library_limits_times_out_without_being_told_and_does_not_hang(shop: Any) -> None:
    """Also under a function that calls it by another name, and has a timeout of its own that was not set."""
    own = ["raise(httpx:ConnectError)", "raise(httpx:ReadTimeout)"]

    assert offered("httpx:Client.send", shop.plain_caller) == own
    assert errors(offered("shop:gets", shop.plain_caller, Limit("timeout", None, None))) == own


def test_boundary_offers_its_own_errors_whatever_the_caller_catches(shop: Any) -> None:
    assert offered("builtins:open", shop.catches) == ["raise(FileNotFoundError)", "raise(PermissionError)"]
