"""Offers: the faults that can really happen to a call, as its way and what is beneath it say."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.clauses import Sources
from pytest_chaos.faults.base import Limit
from pytest_chaos.notation import format_fault, parse_target
from pytest_chaos.offers import Called, Named, Offers, may_raise
from pytest_chaos.reach import Step, Way
from pytest_chaos.target import resolve
from pytest_chaos.trace import CallSite

SHOP = """
    import functools
    import json
    import subprocess
    import urllib.error
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

    def checks_arguments(self, amount):
        if amount > 3:
            raise BankDown
        if not isinstance(amount, int) or amount in self.known:
            raise ValueError(amount)
        limit = 3 + len(self.known)
        while amount > limit:
            raise KeyError(amount)
        if not self.till.is_open():
            raise IndexError(amount)

    def files_by_kind(self, name, store):
        if name in self.stores:
            raise KeyError(name)
        if isinstance(store, dict):
            self.stores[name] = silent()
        elif isinstance(store, str):
            self.stores[name] = store = silent()
        else:
            raise IndexError(store)

    def looks_at_its_state(self, line):
        self.lock = silent()
        if self.line is None:
            self.line = silent()
        elif not self.line.is_free():
            raise KeyError(line)
        if self.state > 3:
            raise IndexError(line)

    def looks_at_what_it_has_stored(self, line):
        self.line = silent()
        if self.line is None:
            raise KeyError(line)

    def asks_again(self, store):
        while True:
            if store is None:
                raise KeyError(store)
            store = silent()

    def parses(self, text):
        found = self.pattern.match(text)
        if not found or text.startswith(" "):
            raise BankDown(text)

    def reads(self, text):
        row = silent()
        if not row:
            raise ValueError(text)
        if row == 1:
            raise TypeError(text)

    def checks_answers(self, amount):
        if self.bank.status(amount) > 400:
            raise BankDown
        answer = silent()
        if amount:
            if not answer:
                raise KeyError(amount)
        for row in self.rows():
            if row.is_gone:
                raise IndexError(row)

    def translates(self):
        try:
            silent()
        except KeyError as error:
            raise BankDown from error

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
        def close(self): raise BankDown
        async def aclose(self): raise BankDown
        def release(self): pass
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

    def takes_files():
        try:
            silent()  # call
        except FileNotFoundError:
            pass

    def tells_programs_apart():
        try:
            silent()  # call
        except subprocess.CalledProcessError:
            pass

    def tells_files_apart():
        try:
            silent()  # call
        except FileNotFoundError:
            pass
        except PermissionError:
            raise BankDown
        except OSError:
            return

    def takes_all_errors_of_files():
        try:
            silent()  # call
        except OSError:
            pass

    def asks_for_what_never_comes():
        try:
            silent()  # call
        except (KeyError, BankDown, json.JSONDecodeError):
            pass

    def asks_for_more_of_the_library():
        try:
            silent()  # call
        except httpx.InvalidURL:
            pass
        except httpx.HTTPError:
            pass

    def tells_patience_apart():
        response = silent()  # call
        if response.status_code in (404, httpx.codes.TOO_MANY_REQUESTS):
            return None
        match response.status_code:
            case 503:
                return None

    def takes_everything():
        try:
            silent()  # call
        except Exception:
            pass
"""

NEVER_TOLD = Limit("timeout", None)
GATEWAY = "answer(502, '<html>')"
TWO_SECONDS = Limit("timeout", 2.0)


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


def way(point: str, *callers: Any, limit: Limit | None = None, outer: str = "") -> Way:
    """Calls that functions make on their lines marked as the call, the innermost first."""
    steps = []
    for caller in callers:
        lines, first = inspect.getsourcelines(caller)
        line = next((first + n for n, text in enumerate(lines) if "# call" in text), first)
        name = f"{caller.__module__}:{caller.__qualname__}"
        steps.append(Step(name, line, caller.__code__, caller.__globals__))
    line = steps[0].line if steps else 0
    site = CallSite("shop.py", line, steps[0].name if steps else "", 0, not steps)
    return Way(point, site, tuple(steps), outer=outer, limits=(limit,))


def offered(
    target: str,
    *callers: Any,
    limit: Limit | None = None,
    named: Named = "exactly",
    outer: str = "",
    dependency: str = "",
    beneath: Sequence[Way] = (),
    modes: tuple[str, ...] = (),
) -> list[str]:
    """Return the texts of what is offered for a call."""
    (point,) = resolve(parse_target(target))
    one = replace(way(target, *callers, limit=limit, outer=outer), dependency=dependency, modes=modes)
    called = Called(point, one, named, beneath)
    return [format_fault(fault) for fault in Offers(Sources(), Catalogue()).of(called)]


def errors(texts: list[str]) -> list[str]:
    return [text for text in texts if text.startswith(("raise", "lose-reply"))]


# --- what a function that the user named raises


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


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("shop:Till.close", ["lose-reply(shop:BankDown)"]),
        ("shop:Till.aclose", ["lose-reply(shop:BankDown)"]),
        ("shop:Till.release", ["lose-reply(ConnectionError)", "lose-reply(TimeoutError)"]),
        ("shop:Till.opened", ["raise(shop:BankDown)"]),
    ],
)
def test_what_releases_something_fails_after_its_work(shop: Any, target: str, expected: list[str]) -> None:
    """What is let go is gone, whether or not the answer comes."""
    assert errors(offered(target, shop.plain_caller)) == expected


# --- what its caller catches


def test_errors_that_the_caller_catches_by_name_around_the_call_are_offered(shop: Any) -> None:
    found = offered("shop:silent", shop.catches)

    assert found == ["raise(shop:BankDown)", "raise(KeyError)", "hang"]


def test_outer_clauses_are_around_the_call_too(shop: Any) -> None:
    assert "raise(shop:BankDown)" in offered("shop:silent", shop.catches_around)


def test_call_in_a_handler_is_not_inside_its_try(shop: Any) -> None:
    assert "raise(KeyError)" not in offered("shop:silent", shop.calls_in_the_handler)


def test_caller_that_cannot_be_read_offers_nothing(shop: Any) -> None:
    assert errors(offered("shop:silent")) == ["raise(ConnectionError)", "raise(TimeoutError)"]


# --- how the user came to name it


def test_function_of_a_package_meets_only_what_its_own_body_raises(shop: Any) -> None:
    """A package says where to look; a function in it neither fails nor hangs by itself."""
    beneath = [way("urllib.request:urlopen")]
    assert offered("shop:raises", shop.catches, named="by its package", beneath=beneath) == ["raise(ValueError)"]


def test_wrong_value_is_offered_only_where_something_comes_in_from_outside(shop: Any) -> None:
    """What a function makes of its own arguments is what the plain run gave it."""
    beneath = [way("urllib.request:urlopen")]
    found = offered("shop:reads", shop.catches, named="by its package", beneath=beneath)

    assert found == ["raise(ValueError)", "raise(TypeError)"]
    assert offered("shop:reads", shop.catches, named="by its package", beneath=[way("shop:silent")]) == []
    assert errors(offered("shop:reads", shop.catches)) != []


@pytest.mark.parametrize(
    ("target", "errors"),
    [
        ("shop:checks_arguments", []),
        ("shop:files_by_kind", []),
        ("shop:parses", []),
        ("shop:looks_at_its_state", []),
        ("shop:looks_at_what_it_has_stored", ["raise(KeyError)"]),
        ("shop:asks_again", ["raise(KeyError)"]),
        ("shop:checks_answers", ["raise(shop:BankDown)", "raise(KeyError)", "raise(IndexError)"]),
        ("shop:translates", []),
    ],
)
def test_function_of_a_package_meets_what_it_raises_over_what_it_was_answered(
    shop: Any, target: str, errors: list[str]
) -> None:
    """Arguments and state are what the plain run made them, and other errors arise where they arise."""
    assert offered(target, shop.catches, named="by its package") == errors
    assert offered(target, shop.catches, named="exactly") != []


@pytest.mark.parametrize("target", ["shop:silent", "shop:optional", "shop:fetches", "shop:Till.release"])
def test_pure_function_of_a_package_meets_nothing(shop: Any, target: str) -> None:
    assert offered(target, shop.catches, named="by its package", limit=NEVER_TOLD) == []


def test_module_is_a_boundary_for_those_outside_of_it(shop: Any, lab: Any) -> None:
    """Calls among its own functions are its own affair."""
    till = lab.module("till", "import shop\n\ndef pay():\n    shop.raises(4)  # call\n")

    assert offered("shop:raises", till.pay, named="by its module") == ["raise(shop:BankDown)", "raise(ValueError)"]
    assert offered("shop:raises", shop.plain_caller, named="by its module") == []


def test_function_of_a_module_hangs_where_something_beneath_it_waits_without_a_limit(shop: Any, lab: Any) -> None:
    """One that is named exactly always may: the user says that it is a dependency."""
    till = lab.module("till", "import shop\n\ndef pay():\n    shop.silent()  # call\n")
    waits, ends = (way("queue:Queue.get", shop.silent, limit=limit) for limit in (NEVER_TOLD, TWO_SECONDS))

    def offers(*beneath: Way) -> bool:
        return "hang" in offered("shop:silent", till.pay, named="by its module", beneath=beneath)

    assert [offers(), offers(ends), offers(waits), offers(ends, waits)] == [False, False, True, True]
    assert "hang" in offered("shop:silent", till.pay, beneath=[ends])


def test_function_that_may_raise_is_told_without_its_source() -> None:
    found = {name: may_raise(resolve(parse_target(f"json:{name}"))[0]) for name in ("loads", "dumps")}

    assert found == {"loads": True, "dumps": False}


# --- timeouts


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, ["raise(shop:SlowTimeout)"]),
        (TWO_SECONDS, ["raise(shop:SlowTimeout)"]),
        (NEVER_TOLD, ["raise(ConnectionError)"]),
    ],
)
def test_call_without_a_timeout_cannot_time_out(shop: Any, limit: Limit | None, expected: list[str]) -> None:
    """Unless it takes none: then nobody can tell."""
    assert errors(offered("shop:timed", shop.plain_caller, limit=limit)) == expected


def test_timeout_that_the_caller_catches_needs_one_too(shop: Any) -> None:
    assert errors(offered("shop:silent", shop.catches_late, limit=NEVER_TOLD)) == ["raise(ConnectionError)"]
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
    """By its source, where no plain run has shown what is beneath."""
    assert "raise(urllib.error:URLError, 'connection refused')" in offered("shop:fetches", shop.plain_caller)
    assert "raise(FileNotFoundError)" in offered("shop:runs", shop.plain_caller)
    assert "raise(PermissionError)" in offered("shop:opens", shop.plain_caller)


FULL = "disk-full"


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ((), ["raise(FileNotFoundError)", "raise(PermissionError)", "raise(OSError)"]),
        (("r", "rb", "r+"), ["raise(FileNotFoundError)", "raise(PermissionError)", "raise(OSError)"]),
        (("w",), ["raise(PermissionError)", FULL]),
        (("xb",), ["raise(PermissionError)", FULL]),
        (("a+",), ["raise(PermissionError)", FULL]),
        (("w", "r"), ["raise(PermissionError)", FULL, "raise(FileNotFoundError)"]),
    ],
)
def test_file_that_is_made_is_never_missing(shop: Any, modes: tuple[str, ...], expected: list[str]) -> None:
    """There may be no room for it."""
    assert sorted(offered("builtins:open", shop.tells_files_apart, modes=modes)) == sorted(expected)


BADLY = "raise(subprocess:CalledProcessError, 1, 'the command')"


def test_program_that_ends_badly_is_offered_where_the_caller_asks_for_an_error(shop: Any) -> None:
    def told(target: str, caller: Any, *modes: str) -> list[str]:
        found = offered(target, caller, modes=modes)
        return [fault for fault in found if "CalledProcess" in fault]

    assert [BADLY] == told("subprocess:run", shop.tells_programs_apart, "checked")
    assert [BADLY] == told("subprocess:check_call", shop.tells_programs_apart)
    assert ["raise(subprocess:CalledProcessError)"] != told("subprocess:run", shop.tells_programs_apart)
    assert [] == told("subprocess:run", shop.plain_caller)


def test_errors_of_boundaries_beneath_a_function_are_offered_but_for_what_is_taken_between(shop: Any) -> None:
    def beneath(*callers: Any) -> list[str]:
        found = offered("shop:silent", shop.plain_caller, beneath=[way("builtins:open", *callers, shop.silent)])
        return errors(found)

    assert beneath(shop.plain_caller) == ["raise(FileNotFoundError)"]
    assert beneath(shop.takes_files) == ["raise(PermissionError)"]
    assert beneath(shop.takes_everything) == ["raise(ConnectionError)", "raise(TimeoutError)"]


@pytest.mark.parametrize(
    ("target", "limit", "hangs"),
    [
        ("builtins:open", None, False),
        ("sqlite3:connect", None, False),
        ("subprocess:run", NEVER_TOLD, True),
        ("subprocess:run", TWO_SECONDS, False),
        ("subprocess:Popen", None, False),
        ("urllib.request:urlopen", NEVER_TOLD, True),
        ("urllib.request:urlopen", TWO_SECONDS, False),
        ("socket:socket.recv", Limit("self.timeout", 0.0), False),
        ("httpx:Client.send", NEVER_TOLD, True),
        ("httpx:Client.send", TWO_SECONDS, False),
    ],
)
def test_boundary_hangs_only_where_nothing_limits_it(shop: Any, target: str, limit: Limit | None, hangs: bool) -> None:
    """Local files and databases never do, nor does what does not wait."""
    for named in ("exactly", "by nobody"):
        assert hangs is ("hang" in offered(target, shop.plain_caller, limit=limit, named=named))


@pytest.mark.parametrize(("limit", "expected"), [(TWO_SECONDS, True), (NEVER_TOLD, False), (None, False)])
def test_boundary_times_out_where_it_was_given_a_timeout(shop: Any, limit: Limit | None, expected: bool) -> None:
    assert expected is ("raise(TimeoutError)" in offered("urllib.request:urlopen", shop.plain_caller, limit=limit))


def test_call_that_its_library_limits_times_out_without_being_told(shop: Any) -> None:
    """Also under a function that calls it by another name, and has a timeout of its own that was not set."""
    own = ["raise(httpx:ConnectError)", "raise(httpx:ReadTimeout)"]

    assert offered("httpx:Client.send", shop.plain_caller, limit=Limit("", 5.0)) == [*own, GATEWAY]
    assert errors(offered("shop:gets", shop.plain_caller, limit=NEVER_TOLD)) == own


def test_server_answers_what_somebody_on_the_way_tells_apart(shop: Any) -> None:
    """And the page of a gateway always; that an article is not there is no fault of the server."""
    found = offered("httpx:Client.send", shop.tells_patience_apart)

    assert [text for text in found if text.startswith("answer")] == [
        GATEWAY,
        "answer(429, headers={'Retry-After': '0'})",
        "answer(503, headers={'Retry-After': '0'})",
    ]


def test_double_and_library_in_between_get_no_other_answer(shop: Any) -> None:
    """A double is asked by nobody, and a library says in its own words what it was told."""
    (point,) = resolve(parse_target("httpx:Client.send"))
    one = way("httpx:Client.send", shop.plain_caller)
    for other in (replace(one, is_double=True), replace(one, via="stripe")):
        found = Offers(Sources(), Catalogue()).of(Called(point, other, "by nobody", ()))
        assert found
        assert not [fault for fault in found if fault.word == "answer"]


def test_errors_that_nobody_tells_apart_are_one(shop: Any) -> None:
    """One connection error, one timeout; what one clause takes, or none, comes to the same."""
    assert offered("builtins:open", shop.plain_caller) == ["raise(FileNotFoundError)"]
    assert offered("builtins:open", shop.takes_all_errors_of_files) == ["raise(FileNotFoundError)"]
    assert offered("builtins:open", shop.takes_files) == ["raise(FileNotFoundError)", "raise(PermissionError)"]


def test_callers_further_out_tell_errors_apart_too(shop: Any) -> None:
    assert offered("builtins:open", shop.plain_caller, shop.takes_files) == [
        "raise(FileNotFoundError)",
        "raise(PermissionError)",
    ]


def test_errors_that_a_caller_asks_for_are_offered_where_the_boundary_can_raise_them(shop: Any) -> None:
    """Those of its library, and kin of its own; nobody's else."""
    assert "raise(httpx:InvalidURL)" in offered("httpx:Client.send", shop.asks_for_more_of_the_library)
    assert offered("builtins:open", shop.asks_for_what_never_comes) == ["raise(FileNotFoundError)"]


@pytest.mark.parametrize("named", ["by nobody", "by its package"])
def test_call_that_a_library_makes_for_itself_is_not_swept(shop: Any, named: Named) -> None:
    """The library that is asked fails as a whole; who names the inner call gets it."""
    inner, outer = "socket:create_connection", "urllib.request:urlopen"

    assert offered(inner, shop.plain_caller, named=named, outer=outer) == []
    assert "raise(ConnectionRefusedError)" in offered(inner, shop.plain_caller, outer=outer)
    assert "raise(ConnectionRefusedError)" in offered(inner, shop.plain_caller, named=named)


def test_socket_without_an_address_is_not_swept(shop: Any) -> None:
    """By a pair of them a program or its event loop wakes itself; who names the call gets it."""
    assert offered("socket:socket.recv", shop.plain_caller, named="by nobody") == []
    assert offered("socket:socket.recv", shop.plain_caller, named="by nobody", dependency="bank.example:9000") != []
    assert offered("socket:socket.recv", shop.plain_caller) != []


def test_functions_on_local_files_meet_the_errors_of_files_and_do_not_hang(shop: Any) -> None:
    assert offered("os:remove", shop.plain_caller) == ["raise(FileNotFoundError)", "raise(PermissionError)"]


# --- databases


def test_what_a_statement_is_to_blame_for_is_no_fault_of_its_database(lab: Any) -> None:
    """Whoever takes it for a row that is there already would look for that row next."""
    ledger = lab.module(
        "ledger",
        """
        import sqlite3

        def adds(cursor):
            try:
                cursor.execute("insert into row values (1)")  # call
            except sqlite3.IntegrityError:
                cursor.execute("update row set id = 1")
            except sqlite3.InternalError:
                pass
        """,
    )

    found = offered("sqlite3:Cursor.execute", ledger.adds)

    assert found == ["raise(sqlite3:OperationalError, 'database is locked')", "raise(sqlite3:InternalError)"]
