"""A sweep without configuration finds each library of the catalogue in a program that uses it."""

from __future__ import annotations

import importlib.util
import re

import pytest

from pytest_chaos.catalogue.catalogue import Catalogue

PROGRAMS = {
    "socket": """
        import socket
        def use():
            try:
                socket.create_connection(("127.0.0.1", 9), timeout=1)
            except OSError:
                return 1
    """,
    "sqlite3": """
        import sqlite3
        def use():
            database = sqlite3.connect(":memory:")
            database.execute("select 1")
            database.close()
    """,
    "open": """
        def use():
            with open(__file__) as file:
                return file.read()
    """,
    "subprocess": """
        import subprocess
        def use():
            return subprocess.run(["true"], timeout=30)
    """,
    "urllib": """
        import urllib.request
        def use():
            try:
                urllib.request.urlopen("http://127.0.0.1:9/", timeout=1)
            except OSError:
                return 1
    """,
    "requests": """
        import requests
        def use():
            try:
                requests.get("http://127.0.0.1:9/", timeout=1)
            except requests.RequestException:
                return 1
    """,
    "httpx": """
        import httpx
        def use():
            try:
                httpx.get("http://127.0.0.1:9/", trust_env=False)
            except httpx.HTTPError:
                return 1
    """,
    "redis": """
        import redis
        def use():
            try:
                redis.Redis("127.0.0.1", 9, retry=None).ping()
            except redis.ConnectionError:
                return 1
    """,
    "smtplib": """
        import smtplib
        def use():
            try:
                smtplib.SMTP("127.0.0.1", 9, timeout=1)
            except OSError:
                return 1
    """,
    "asyncio": """
        import asyncio
        async def ask():
            try:
                await asyncio.open_connection("127.0.0.1", 9)
            except OSError:
                return 1
        def use():
            return asyncio.run(ask())
    """,
    "urllib3": """
        import urllib3
        def use():
            try:
                urllib3.PoolManager(retries=False).request("GET", "http://127.0.0.1:9/")
            except urllib3.exceptions.HTTPError:
                return 1
    """,
    "aiohttp": """
        import asyncio, aiohttp
        async def ask():
            async with aiohttp.ClientSession() as session:
                try:
                    await session.get("http://127.0.0.1:9/")
                except aiohttp.ClientError:
                    return 1
        def use():
            return asyncio.run(ask())
    """,
    "sqlalchemy": """
        import sqlalchemy
        def use():
            engine = sqlalchemy.create_engine("sqlite://")
            with engine.connect() as connection:
                connection.execute(sqlalchemy.text("select 1"))
            engine.dispose()
    """,
    "django": """
        import django
        from django.conf import settings
        settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
        django.setup()
        from django.db import connection
        connection.vendor  # by which the database is made
        def use():
            with connection.cursor() as cursor:
                cursor.execute("select 1")
            connection.connection.close()
            connection.connection = None
    """,
    "http": """
        import http.client
        def use():
            try:
                http.client.HTTPConnection("127.0.0.1", 9, timeout=1).request("GET", "/")
            except OSError:
                return 1
    """,
    "ssl": """
        import socket, ssl
        def use():
            one, other = socket.socketpair()
            other.close()
            try:
                ssl.create_default_context().wrap_socket(one, server_hostname="bank")
            except OSError:
                return 1
            finally:
                one.close()
    """,
    "dns": """
        import socket
        def use():
            return socket.getaddrinfo("127.0.0.1", 9)
    """,
}


def test_each_library_is_tried() -> None:
    assert set(PROGRAMS) == set(Catalogue().libraries)


@pytest.mark.parametrize("library", PROGRAMS)
def test_library_is_found_in_a_program_that_uses_it(inner, library):
    """The first of its boundaries; a plan is enough, for it is made after the plain run."""
    if not any(
        importlib.util.find_spec(boundary.module.partition(".")[0])
        for boundary in Catalogue().library(library).boundaries
    ):
        pytest.skip(f"{library} is an extra that tests may lack")
    inner.sweeps = True
    inner.write("shop.py", PROGRAMS[library])
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    shop.use()\n")
    done = inner.run_apart("--chaos-plan")

    first = Catalogue().library(library).boundaries[0]
    assert done.code == 0, done.text
    assert re.search(rf"{re.escape(first.target)}(\[\S+\])? = raise\(", done.text)
