"""Answers that the test receives through httpx and what is built on it; and who received them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from pytest_chaos.answers.all_clients import watched_answers
from pytest_chaos.contract import Contract
from pytest_chaos.observation import Answer

APP = """
import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

def charge(): return {"paid": True}
backend = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(503)), base_url="http://bank")

async def checkout(request):
    try:
        return JSONResponse(charge())
    except OSError:
        return JSONResponse({"error": "bank"}, status_code=503)
    except KeyError:
        return JSONResponse({"error": "?"}, status_code=500)

async def forward(request):
    backend.get("/")
    return JSONResponse({})

app = Starlette(routes=[Route("/checkout", checkout), Route("/forward", forward)])
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    shop = lab.module("shop", APP)
    yield shop
    shop.backend.close()


def client_of(shop: Any) -> Any:
    from starlette.testclient import TestClient

    return TestClient(shop.app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("status", "fault", "expected"),
    [
        ([200, 503], "raise(OSError)", ("resilient", False, [])),
        ([200, "5xx"], "raise(OSError)", ("resilient", False, [])),
        ([200], "raise(OSError)", ("wrong error", True, ["status"])),
        ([200, 503], "raise(KeyError)", ("wrong error", True, ["status"])),
        ([200, 503], "raise(ValueError)", ("wrong error", True, ["status"])),
    ],
)
def test_status_of_an_answer_keeps_the_contract_or_not(
    shop: Any, lab: Any, status: Any, fault: str, expected: Any
) -> None:
    contract = Contract().with_keys({"status": status})
    seen = lab.run(lambda: client_of(shop).get("/checkout"), f"shop:charge = {fault}", contract=contract)

    assert expected == (seen.verdict, seen.fails, seen.kinds)


def test_answers_are_not_watched_without_a_contract(shop: Any, lab: Any) -> None:
    seen = lab.run(lambda: client_of(shop).get("/checkout"), "shop:charge = raise(KeyError)")

    assert ("resilient", ()) == (seen.verdict, seen.observation.answers)


def test_answer_that_the_system_received_is_not_the_tests(shop: Any, lab: Any) -> None:
    contract = Contract().with_keys({"status": 200})
    seen = lab.run(lambda: client_of(shop).get("/forward"), "shop:charge = 1*null", contract=contract)

    assert [(503, False), (200, True)] == [(one.status, one.is_to_driver) for one in seen.observation.answers]


def respond(status: int) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: httpx.Response(status))


def test_sync_and_async_clients_are_watched(lab: Any) -> None:
    seen: list[Answer] = []

    async def ask() -> None:
        async with httpx.AsyncClient(transport=respond(404)) as client:
            await client.get("http://x/a")

    with watched_answers(lab.laboratory.provenance, seen.append):
        with httpx.Client(transport=respond(201)) as client:
            client.post("http://x/b")
        asyncio.run(ask())

    assert [("POST http://x/b", 201, True), ("GET http://x/a", 404, True)] == [
        (one.request, one.status, one.is_to_driver) for one in seen
    ]


def test_newer_httpx_is_watched_too(lab: Any) -> None:
    httpx2 = pytest.importorskip("httpx2")
    seen: list[Answer] = []
    with watched_answers(lab.laboratory.provenance, seen.append):
        with httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(418))) as client:
            client.get("http://x/")

    assert [418] == [one.status for one in seen]


def test_client_is_as_before_afterwards(lab: Any) -> None:
    before = (vars(httpx.Client)["send"], vars(httpx.AsyncClient)["send"])
    with pytest.raises(ValueError), watched_answers(lab.laboratory.provenance, lambda answer: None):
        raise ValueError

    assert before == (vars(httpx.Client)["send"], vars(httpx.AsyncClient)["send"])


def test_request_without_an_answer_is_none(lab: Any) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no", request=request)

    seen: list[Answer] = []
    with watched_answers(lab.laboratory.provenance, seen.append), pytest.raises(httpx.ConnectError):
        with httpx.Client(transport=httpx.MockTransport(refuse)) as client:
            client.get("http://x/")

    assert [] == seen


def test_fault_on_the_client_and_the_watch_get_along(shop: Any, lab: Any) -> None:
    contract = Contract().with_keys({"status": 200})

    def body() -> None:
        with httpx.Client(transport=respond(200)) as client:
            client.get("http://x/")
            with pytest.raises(httpx.ReadTimeout):
                client.get("http://x/")

    seen = lab.run(body, "httpx:Client.send = #2 raise(httpx:ReadTimeout, 'slow')", contract=contract)

    assert ("resilient", [200], [2]) == (seen.verdict, [one.status for one in seen.observation.answers], seen.calls)
