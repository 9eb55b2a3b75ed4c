"""What an error path drops without closing it, though the plain run closes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SYSTEMS = """
    import asyncio, bank, contextlib, os, socket, sqlite3, subprocess, sys, urllib.request
    with contextlib.suppress(ImportError):
        import sqlalchemy, sqlalchemy.orm

    def asks_over_a_socket(address):
        line = socket.create_connection(address)
        bank.pay()
        line.close()

    def asks_by_a_helper(address):
        line = dials(address)
        bank.pay()
        line.close()

    def dials(address):
        return socket.create_connection(address)

    def takes_the_error_itself(address):
        line = socket.create_connection(address)
        try:
            bank.pay()
        except OSError:
            return None
        line.close()

    def asks_a_database(address):
        connection = sqlite3.connect("shop.db")
        bank.pay()
        connection.close()

    def asks_a_program(address):
        child = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
        bank.pay()
        child.wait()

    def asks_over_asyncio(address):
        asyncio.run(over_asyncio(address))

    async def over_asyncio(address):
        _, writer = await asyncio.wait_for(asyncio.open_connection(*address), 5)
        bank.pay()
        writer.close()
        await writer.wait_closed()

    def asks_sqlalchemy(address):
        session = sqlalchemy.orm.Session(sqlalchemy.create_engine("sqlite:///shop.db"))
        session.execute(sqlalchemy.text("select 1"))
        bank.pay()
        session.close()

    # --- twins: nothing is to be told of them

    def closes_always(address):
        with contextlib.closing(socket.create_connection(address)):
            bank.pay()

    def never_closes(address):
        line = socket.create_connection(address)
        bank.pay()

    def closes_before(address):
        line = socket.create_connection(address)
        line.close()
        bank.pay()

    def asks_a_database_in_memory(address):
        connection = sqlite3.connect(":memory:")
        bank.pay()
        connection.close()

    def closes_a_database_always(address):
        connection = sqlite3.connect(":memory:")
        try:
            bank.pay()
        finally:
            connection.close()

    def lets_a_library_open(address):
        urllib.request.build_opener(Fails).open("http://%s:%d" % address, timeout=5).close()

    class Fails(urllib.request.BaseHandler):
        def http_request(self, request):
            socket.create_connection
            return request

        def http_response(self, request, response):
            bank.pay()
            return response

    class Line:
        def __init__(self, address):
            self.line = socket.create_connection(address)

        def ask(self):
            bank.pay()

        def close(self):
            self.line.close()
"""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def told(pytester: Any, *body: str) -> list[tuple[bool, str, str]]:
    """Explore a test under errors of the bank; return whether what was dropped fails, what it was, and its place."""
    lines = "\n".join(f"                {line}" for line in body)
    pytester.makepyfile(
        bank='def pay(): return "paid"',
        shop=SYSTEMS,
        test_shop=f"""
            import http.server, shop, socket, socketserver, threading
            import pytest

            class Answers(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

                def log_message(self, *args):
                    pass

            @pytest.fixture
            def address():
                with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answers) as server:
                    server.daemon_threads, server.block_on_close = True, False
                    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
                    thread.start()
                    yield server.server_address
                    server.shutdown()
                    thread.join()

            def test_it(address):
{lines}
        """,
    )
    pytester.runpytest_subprocess(
        *("-p", "chaos", "--chaos", "--chaos-target=bank:pay", "--chaos-fault=raise(OSError)"),
        "--chaos-target=sqlite3:Cursor.execute",  # else nobody looks at connections of sqlite3
        "--chaos-report=chaos.json",
    )
    report = json.loads(Path(pytester.path, "chaos.json").read_text())
    assert [one for one in report["results"] if one["kind"] == "explored" and one["activations"]]
    return [
        (one["fails"], one["text"].partition(" opened at ")[0], one["place"])
        for one in report["findings"]
        if one["kind"] == "dropped-open"
    ]


@pytest.mark.parametrize(
    ("function", "what", "place"),
    [
        ("asks_over_a_socket", "socket", "shop.py:6 asks_over_a_socket"),
        ("asks_by_a_helper", "socket", "shop.py:11 asks_by_a_helper"),
        ("takes_the_error_itself", "socket", "shop.py:19 takes_the_error_itself"),
        ("asks_a_database", "connection of sqlite3", "shop.py:27 asks_a_database"),
        ("asks_a_program", "child process with its pipes", "shop.py:32 asks_a_program"),
        ("asks_over_asyncio", "connection of asyncio", "shop.py:41 over_asyncio"),
        ("asks_sqlalchemy", "connection that SQLAlchemy lent", "shop.py:48 asks_sqlalchemy"),
    ],
)
def test_what_an_error_path_drops_open_is_reported_where_it_was_opened(
    pytester: Any, function: str, what: str, place: str
) -> None:
    if function == "asks_sqlalchemy":
        pytest.importorskip("sqlalchemy")

    assert [(False, what, place)] == told(pytester, f"shop.{function}(address)")


@pytest.mark.parametrize(
    "body",
    [
        ("shop.closes_always(address)",),
        ("shop.never_closes(address)",),
        ("shop.closes_before(address)",),
        ("shop.closes_a_database_always(address)",),
        ("shop.asks_a_database_in_memory(address)",),
        ("shop.lets_a_library_open(address)",),
        ("line = shop.Line(address)", "line.ask()", "line.close()"),
        ("with socket.create_connection(address): shop.closes_always(address)",),
        ("line = socket.create_connection(address)", "shop.closes_always(address)", "line.close()"),
    ],
)
def test_what_somebody_else_closes_or_nobody_ever_does_is_not_told(pytester: Any, body: tuple[str, ...]) -> None:
    assert [] == told(pytester, *body)
