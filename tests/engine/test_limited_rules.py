"""Rules that are limited to a dependency, or to calls below a function: others pass, and are not counted."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

SHOP = """
    import asyncio, socket, threading

    def charge(): return "receipt"
    def gateway(): return charge()
    def pay(): return gateway()
    def refund(): return gateway()

    class Till:
        def pay(self): return gateway()
        def inner(self):
            def nested(): return gateway()
            return nested()

    def in_a_thread():
        answers = []
        thread = threading.Thread(target=lambda: answers.append(refund()))
        thread.start()
        thread.join()
        return answers

    def connect(host, port):
        with socket.create_connection((host, port), timeout=5):
            return "connected"

    def bank(port): return connect("127.0.0.1", port)
    def mail(port): return connect("127.0.0.1", port)

    async def soon(): return gateway()
    async def in_a_task(): return await asyncio.create_task(soon())
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


@pytest.fixture
def ports() -> Iterator[list[int]]:
    """Two services that are up."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        found = [one.getsockname()[1] for one in sockets]
        if min(found) <= 32_767:
            pytest.skip("the system chooses ports that are fixed elsewhere")
        yield found


def outcome(call: Any, *args: Any) -> str:
    try:
        return str(call(*args))
    except ConnectionError:
        return "down"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("shop:charge@shop:pay = raise(ConnectionError)", ["down", "receipt", "receipt", "receipt"]),
        ("shop:charge@shop:gateway = raise(ConnectionError)", ["down"] * 4),
        ("shop:charge@shop:Till.pay = raise(ConnectionError)", ["receipt", "receipt", "down", "receipt"]),
        (
            "shop:charge@shop:Till.inner.<locals>.nested = raise(ConnectionError)",
            ["receipt", "receipt", "receipt", "down"],
        ),
        ("shop:charge@shop:nobody = raise(ConnectionError)", ["receipt"] * 4),
    ],
)
def test_rule_below_a_function_acts_on_calls_that_it_leads_to(
    shop: Any, lab: Any, rule: str, expected: list[str]
) -> None:
    till = shop.Till()
    with lab.window(rule):
        found = [outcome(call) for call in (shop.pay, shop.refund, till.pay, till.inner)]

    assert found == expected


def test_only_calls_below_the_function_are_counted(shop: Any, lab: Any) -> None:
    """So the second one is the second one there, whoever calls in between."""
    with lab.window() as chaos:
        injection = chaos.inject("shop:charge@shop:pay = #2 raise(ConnectionError)")
        found = [outcome(call) for call in (shop.pay, shop.refund, shop.refund, shop.pay, shop.pay)]

    assert found == ["receipt", "receipt", "receipt", "down", "receipt"]
    assert (injection.calls, injection.fired) == (3, 1)


def test_calls_of_a_thread_are_below_its_own_functions_only(shop: Any, lab: Any) -> None:
    for rule, expected in (("shop:refund", "down"), ("shop:in_a_thread", "receipt")):
        answers: list[str] = []

        def body(answers: list[str] = answers) -> None:
            thread = threading.Thread(target=lambda: answers.append(outcome(shop.refund)))
            thread.start()
            thread.join()

        with lab.window(f"shop:charge@{rule} = raise(ConnectionError)"):
            body()
        assert answers == [expected]


@pytest.mark.parametrize(("below", "expected"), [("shop:soon", "down"), ("shop:in_a_task", "receipt")])
def test_calls_of_a_task_are_below_its_own_functions_only(shop: Any, lab: Any, below: str, expected: str) -> None:
    with lab.window(f"shop:charge@{below} = raise(ConnectionError)"):
        assert outcome(lambda: asyncio.run(shop.in_a_task())) == expected


def test_rule_with_a_dependency_acts_on_all_calls_to_it_and_on_no_other(shop: Any, lab: Any, ports: list[int]) -> None:
    one, other = ports
    with lab.window("socket:create_connection['localhost/shop:connect'] = raise(ConnectionRefusedError)"):
        found = [outcome(call, port) for call, port in ((shop.bank, one), (shop.mail, other), (shop.mail, one))]

    assert found == ["down", "connected", "down"]


def test_second_service_is_meant_by_its_number(shop: Any, lab: Any, ports: list[int]) -> None:
    one, other = ports
    with lab.window("socket:create_connection['localhost/shop:connect/2'] = raise(ConnectionRefusedError)"):
        found = [outcome(call, port) for call, port in ((shop.bank, one), (shop.mail, other), (shop.mail, one))]

    assert found == ["connected", "down", "connected"]


def test_both_limits_hold_together(shop: Any, lab: Any, ports: list[int]) -> None:
    one, other = ports
    rule = "socket:create_connection['localhost/shop:connect/2']@shop:mail = raise(ConnectionRefusedError)"
    with lab.window(rule):
        found = [
            outcome(call, port)
            for call, port in ((shop.bank, one), (shop.bank, other), (shop.mail, one), (shop.mail, other))
        ]

    assert found == ["connected", "connected", "connected", "down"]
