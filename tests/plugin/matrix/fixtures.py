"""The project that is run inside: it is no part of the suite."""

import contextlib
import importlib
import os

import pytest
import services  # for a rule acts on what is known when tests begin

assert services.charge


@pytest.fixture(scope="session")
def app():
    return importlib.import_module(f"app_{os.environ['MATRIX_FRAMEWORK']}")


@pytest.fixture(scope="session")
def url(app):
    with app.Served() as url:
        yield url


def with_httpx(url):
    import httpx

    with httpx.Client(trust_env=False) as client:
        client.get(url)


def with_requests(url):
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.get(url)


def with_urllib3(url):
    import urllib3

    with urllib3.PoolManager() as pool:
        pool.request("GET", url, retries=False)


def with_urllib(url):
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        with error:
            error.read()


def with_aiohttp(url):
    import asyncio

    import aiohttp

    async def ask():
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            await answer.read()

    asyncio.run(ask())


def with_aiohttps_own(path):
    import asyncio

    import app_aiohttp
    from aiohttp.test_utils import TestClient, TestServer

    async def ask():
        async with TestClient(TestServer(app_aiohttp.application())) as client, client.get(path) as answer:
            await answer.read()

    asyncio.run(ask())


CLIENTS = {
    "httpx": with_httpx,
    "requests": with_requests,
    "urllib3": with_urllib3,
    "urllib": with_urllib,
    "aiohttp": with_aiohttp,
}


@pytest.fixture
def get(request, app):
    """A client that is content with every answer, and with none."""

    def ask(path):
        with contextlib.suppress(Exception):
            if request.param == "in process":
                (with_aiohttps_own if app.__name__ == "app_aiohttp" else app.in_process())(path)
            else:
                CLIENTS[request.param](request.getfixturevalue("url") + path)

    return ask
