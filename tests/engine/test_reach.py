"""Reach: by which ways through the project calls are reached, where they stand among others, and their limits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from pytest_chaos import reach as reaches
from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.clauses import Sources
from pytest_chaos.handling import Handling
from pytest_chaos.notation import parse_target
from pytest_chaos.plan import Reaching
from pytest_chaos.reach import Reach, Way, function_key
from pytest_chaos.target import resolve

SHOP = """
    import asyncio, contextlib, threading, urllib.request

    def charge(amount=1, timeout=None): return amount
    def note(): return "noted"

    def gateway(**options): return charge(**options)

    def pay(): return gateway()
    def refund(): return gateway()
    def both(): return pay(), refund()

    def careful():
        try:
            return pay()
        except TimeoutError:
            return None

    def tidy():
        try:
            return pay()
        finally:
            note()

    def held():
        with contextlib.nullcontext():
            return pay()

    def checkout(): return careful()

    def again(times):
        if times:
            return again(times - 1)
        return gateway()

    def in_a_thread():
        thread = threading.Thread(target=pay)
        thread.start()
        thread.join()

    async def soon(): return pay()

    async def in_a_task():
        return await asyncio.create_task(soon())

    def run(): return asyncio.run(in_a_task())

    def many(times):
        for _ in range(times):
            gateway()

    def timed(): return gateway(timeout=2.5)
    def patient(): return gateway(timeout=None)

    def library(): return in_library()
    def in_library(): return charge()
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


@pytest.fixture
def reached(lab: Any, shop: Any) -> Callable[..., Reach]:
    """Run a body, and return the reach of the shop's calls."""

    def run(*bodies: Callable[[], Any], points: Any = ("shop:charge",), outer: Any = None) -> Reach:
        watched = [(target, resolve(target)) for target in map(parse_target, ("shop:charge", "shop:note"))]
        reaching = Reaching(points, outer or {})
        experiment = lab.experiment(kind="session", watched=watched, reaching=reaching)
        try:
            with experiment.body():
                for number, body in enumerate(bodies):
                    if number:
                        experiment.new_round()
                    body()
        finally:
            experiment.close()
        found: Reach = experiment.reach
        return found

    return run


def ways(reach: Reach) -> list[Way]:
    return reach.ways(Handling(Sources()).is_guarded)


def functions(way: Way) -> list[str]:
    """The functions of a way, the innermost first."""
    return [step.name.partition(":")[2] for step in way.steps]


# --- one way or several


def test_callers_who_could_do_nothing_about_an_error_are_one_way(shop: Any, reached: Any) -> None:
    """Only the line of the call itself tells it."""
    (way,) = ways(reached(shop.both))

    assert functions(way) == ["gateway"]
    assert (way.point, way.count, way.site.function) == ("shop:charge", 2, "gateway")
    assert {"shop:gateway", "shop:pay", "shop:refund", "shop:both"} == way.through


@pytest.mark.parametrize("name", ["careful", "tidy", "held"])
def test_caller_who_takes_or_outlives_an_error_is_another_way(shop: Any, reached: Any, name: str) -> None:
    """By a handler, a ``finally`` or a ``with``; what stands between him and the call belongs to the way."""
    one, other = ways(reached(lambda: (shop.refund(), getattr(shop, name)())))

    assert functions(one) == ["gateway"]
    assert functions(other) == ["gateway", "pay", name]
    assert other.outermost == f"shop:{name}"
    assert other.text == "shop.py:7 gateway < shop:pay < shop:" + name


def test_way_ends_at_the_outermost_line_that_is_guarded(shop: Any, reached: Any) -> None:
    (way,) = ways(reached(shop.checkout))

    assert functions(way) == ["gateway", "pay", "careful"]
    assert "shop:checkout" in way.through


def test_way_through_a_framework_is_another_way_than_the_tests_own(shop: Any, reached: Any) -> None:
    """A framework has handlers that no line of the project shows."""
    tenacity = pytest.importorskip("tenacity")  # an extra that tests may lack
    found = ways(reached(lambda: (shop.pay(), tenacity.Retrying(stop=tenacity.stop_after_attempt(1))(shop.pay))))

    assert [way.entry for way in found] == ["", "tenacity"]
    assert len({way.text for way in found}) == 2
    assert len({way.waiting for way in found}) == 1


def test_line_waits_the_same_whoever_could_take_an_error(shop: Any, reached: Any) -> None:
    found = ways(reached(lambda: (shop.careful(), shop.tidy(), shop.pay())))

    assert len({way.text for way in found}) == 3
    assert len({way.waiting for way in found}) == 1


def test_wait_of_a_coroutine_a_thread_or_a_task_is_another_one_for_it_may_be_limited_there(
    shop: Any, reached: Any
) -> None:
    found = ways(reached(lambda: (shop.pay(), shop.in_a_thread(), shop.run())))

    assert len({way.waiting for way in found}) == len(found) == 3


def test_function_stands_once_in_a_way_however_often_it_calls_itself(shop: Any, reached: Any) -> None:
    found = ways(reached(lambda: (shop.again(1), shop.again(3))))

    assert [functions(way) for way in found] == [["gateway"]]
    assert found[0].count == 2


def test_way_of_a_thread_is_whole(shop: Any, reached: Any) -> None:
    """An error ends a thread: nobody further out takes it, and each of its functions may be where it is lost."""
    plain, threaded = ways(reached(lambda: (shop.pay(), shop.in_a_thread())))

    assert functions(plain) == ["gateway"]
    assert functions(threaded) == ["gateway", "pay"]
    assert threaded.text == "shop.py:7 gateway < shop:pay < a thread or task"


def test_first_function_of_a_thread_is_another_way_than_the_same_one_called(shop: Any, reached: Any) -> None:
    def body() -> None:
        shop.gateway()
        thread = threading.Thread(target=shop.gateway)
        thread.start()
        thread.join()

    plain, threaded = ways(reached(body))

    assert functions(plain) == functions(threaded) == ["gateway"]
    assert plain.text != threaded.text


def test_way_of_a_task_is_whole(shop: Any, reached: Any) -> None:
    """And ends where the task begins."""
    (way,) = ways(reached(shop.run))

    assert functions(way) == ["gateway", "pay", "soon"]


def test_calls_of_the_test_itself_are_a_way_without_lines(shop: Any, reached: Any) -> None:
    (way,) = ways(reached(lambda: shop.charge()))

    assert way.site.is_driver
    assert (way.steps, way.outermost) == ((), "")


def test_only_points_that_are_looked_at_are_noted(shop: Any, reached: Any) -> None:
    assert {way.point for way in ways(reached(shop.tidy))} == {"shop:charge"}
    assert {way.point for way in ways(reached(shop.tidy, points=("shop:charge", "shop:note")))} == {
        "shop:charge",
        "shop:note",
    }


# --- numbers


def test_calls_are_numbered_among_all_and_below_each_function(shop: Any, reached: Any) -> None:
    """So that a rule can mean the second call below a function, whoever calls in between."""
    plain, caught = ways(reached(lambda: (shop.careful(), shop.pay(), shop.careful())))[::-1]

    assert [number.all for number in plain.numbers] == [2]
    assert [number.all for number in caught.numbers] == [1, 3]
    assert [number.below["shop:careful"] for number in caught.numbers] == [1, 2]
    assert [number.below["shop:gateway"] for number in caught.numbers] == [1, 3]


def test_first_numbers_are_kept_and_the_count_goes_on(shop: Any, reached: Any) -> None:
    (way,) = ways(reached(lambda: shop.many(50)))

    assert (way.count, [number.all for number in way.numbers]) == (50, [1, 2, 3, 4])


def test_examples_of_a_property_test_begin_anew(shop: Any, reached: Any) -> None:
    (way,) = ways(reached(shop.pay, shop.both))

    assert [number.all for number in way.numbers] == [1, 1, 2]
    assert [number.below["shop:gateway"] for number in way.numbers] == [1, 1, 2]


def test_numbers_of_threads_that_race_are_all_different(shop: Any, reached: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(reaches, "_MOST_NUMBERS", 1_000)

    def race() -> None:
        threads = [threading.Thread(target=shop.many, args=(50,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    (way,) = ways(reached(race))

    assert [number.all for number in way.numbers] == list(range(1, 201))


def test_ways_that_are_too_many_are_told_by_their_last_line(shop: Any, reached: Any, monkeypatch: Any) -> None:
    """Nothing is lost for that, and their numbers go on."""
    monkeypatch.setattr(reaches, "_MOST_WAYS", 1)
    found = ways(reached(lambda: (shop.pay(), shop.careful(), shop.tidy())))

    assert sum(way.count for way in found) == 3
    assert {tuple(functions(way)) for way in found} == {("gateway",)}
    assert sorted(number.all for way in found for number in way.numbers) == [1, 2, 3]


# --- limits and libraries


def test_limits_of_the_calls_are_noted_each_once(shop: Any, reached: Any) -> None:
    (way,) = ways(reached(lambda: (shop.timed(), shop.patient(), shop.timed())))

    assert [None if limit is None else limit.seconds for limit in way.limits] == [2.5, None]
    assert (way.can_wait_for_ever, way.has_limit, way.can_time_out) == (True, True, True)


def test_call_that_was_given_no_limit_cannot_time_out(shop: Any, reached: Any) -> None:
    (way,) = ways(reached(shop.patient))

    assert (way.can_wait_for_ever, way.has_limit, way.can_time_out) == (True, False, False)


def test_function_that_takes_no_limit_may_or_may_not_time_out(shop: Any, reached: Any) -> None:
    (way,) = ways(reached(shop.tidy, points=("shop:note",)))

    assert way.limits == (None,)
    assert (way.can_wait_for_ever, way.has_limit, way.can_time_out) == (False, False, True)


def test_call_that_a_library_makes_for_another_one_of_its_own_belongs_to_that(lab: Any) -> None:
    """requests goes over a socket; whoever asks requests has no socket."""
    import http.server
    import urllib.request

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    shop = lab.module(
        "shop",
        """
        import socket, urllib.request

        def ask(port): return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        def plug(port): return socket.create_connection(("127.0.0.1", port), timeout=5).close()
        """,
    )
    targets = [parse_target(text) for text in ("urllib.request:urlopen", "socket:create_connection")]
    watched = [(target, resolve(target)) for target in targets]
    outer = {function_key(urllib.request.urlopen.__code__): "urllib.request:urlopen"}
    reaching = Reaching({target.text for target in targets}, outer)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        experiment = lab.experiment(kind="session", watched=watched, reaching=reaching)
        try:
            with experiment.body():
                shop.ask(server.server_port)
                shop.plug(server.server_port)
        finally:
            experiment.close()
            server.shutdown()
            thread.join()
    found = {(way.point, way.site.function): way.outer for way in ways(experiment.reach)}

    assert found == {
        ("urllib.request:urlopen", "ask"): "",
        ("socket:create_connection", "ask"): "urllib.request:urlopen",
        ("socket:create_connection", "plug"): "",
    }


def test_call_of_a_task_that_a_library_makes_for_a_call_of_its_own_belongs_to_that(lab: Any) -> None:
    """A library tries the addresses of a host in tasks; whoever asks the library has no socket, and no task."""
    import asyncio.streams
    import socket

    shop = lab.module(
        "shop",
        """
        import asyncio

        async def ask(port):
            _, writer = await asyncio.open_connection("127.0.0.1", port, happy_eyeballs_delay=60)
            writer.close()

        async def attempt(plug, port):
            loop = asyncio.get_running_loop()
            await loop.sock_connect(plug, ("127.0.0.1", port))

        async def call(plug, port):
            await ask(port)
            await asyncio.create_task(attempt(plug, port))
        """,
    )
    target = parse_target("socket:socket.connect")
    outer = {function_key(asyncio.streams.open_connection.__code__): "asyncio.streams:open_connection"}
    reaching = Reaching({target.text}, outer)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as plug:
        plug.setblocking(False)
        experiment = lab.experiment(kind="session", watched=[(target, resolve(target))], reaching=reaching)
        try:
            with experiment.body():
                asyncio.run(shop.call(plug, server.getsockname()[1]))
        finally:
            experiment.close()

    assert [way.outer for way in ways(experiment.reach)] == ["asyncio.streams:open_connection", ""]


# --- what is beneath a function


def test_what_a_function_led_to_is_told_with_the_lines_from_there(shop: Any, reached: Any) -> None:
    reach = reached(lambda: (shop.careful(), shop.refund()))
    (way,) = reach.beneath(function_key(shop.pay.__code__))

    assert functions(way) == ["gateway", "pay"]
    assert len(list(reach.beneath(function_key(shop.gateway.__code__)))) == 2
    assert list(reach.beneath(function_key(shop.note.__code__))) == []


def test_what_a_thread_does_is_beneath_the_function_that_started_it(shop: Any, reached: Any) -> None:
    (way,) = reached(shop.in_a_thread).beneath(function_key(shop.in_a_thread.__code__))

    assert functions(way) == ["gateway", "pay"]


def test_catalogue_tells_nothing_of_functions_of_the_project(shop: Any, reached: Any) -> None:
    (way,) = ways(reached(shop.pay))

    assert (way.dependency, Catalogue().at(way.point)) == ("", None)


def test_descriptors_and_source_for_tracebacks_are_not_reached_files(lab: Any, tmp_path: Any) -> None:
    till = lab.module(
        "till",
        """
        import linecache, os

        def reads(path):
            with open(path): pass
        def reads_again(path):
            with os.fdopen(os.open(path, os.O_RDONLY)): pass
        def shows(path): return linecache.updatecache(path)
        """,
    )
    path = tmp_path / "orders.py"
    path.write_text("1\n")
    target = parse_target("builtins:open")
    reaching = Reaching(("builtins:open",), {})
    experiment = lab.experiment(kind="session", watched=[(target, resolve(target))], reaching=reaching)
    try:
        with experiment.body():
            for function in (till.reads, till.reads_again, till.shows):
                function(str(path))
    finally:
        experiment.close()

    assert [functions(way) for way in ways(experiment.reach)] == [["reads"]]
