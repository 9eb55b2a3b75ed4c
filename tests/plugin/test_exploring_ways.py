"""What a sweep tries: only what can happen, for each dependency by itself, and each once for the suite."""

from __future__ import annotations

import re
import tempfile

import pytest

CONFTEST = """
    import contextlib, http.server, pytest, threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    @contextlib.contextmanager
    def service():
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield server.server_port
            finally:
                server.shutdown()
                thread.join()

    @pytest.fixture(scope="session")
    def bank():
        with service() as port:
            yield port

    @pytest.fixture(scope="session")
    def mail():
        with service() as port:
            yield port
"""


@pytest.fixture
def project(inner):
    """What nobody asked for is swept here; a conftest can start services."""
    inner.sweeps = True
    inner.write("tests/conftest.py", CONFTEST)
    inner.write("pytest.ini", "[pytest]\npythonpath = .\n")
    return inner


def targets(done) -> list[str]:
    """What the scenarios of a run act on, sorted, each as often as it is explored."""
    return sorted(re.split(" = ", one["scenario"])[0] for one in done.by_id.values() if one["kind"] == "explored")


def test_two_services_are_down_in_turn(project):
    """Each scenario fails all calls to one service and none to the other, and its row names it."""
    project.write(
        "shop.py",
        """
        import logging, urllib.request

        def ask(port):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.status

        def tried(port):
            try:
                return ask(port)
            except OSError:
                logging.warning("nobody answers")
                return 0

        def checkout(bank, mail):
            return [tried(bank), tried(mail), tried(bank), tried(mail)]
        """,
    )
    project.write(
        "tests/test_it.py",
        """
        import pathlib, shop

        def test_it(bank, mail):
            answers = shop.checkout(bank, mail)
            with pathlib.Path("answers").open("a") as file:
                print(*answers, file=file)
        """,
    )
    done = project.run_apart("--chaos-only=* all*")

    refused = "raise(urllib.error:URLError, 'connection refused')"
    bank, mail = "urllib.request:urlopen[localhost/shop:ask]", "urllib.request:urlopen[localhost/shop:ask/2]"
    plain, *disturbed, recovered = (project.path / "answers").read_text().splitlines()
    assert plain == recovered == "204 204 204 204"
    assert {one["scenario"] for one in done.by_id.values()} >= {"", f"{bank} = {refused}"}
    assert set(disturbed) == {"0 204 0 204", "204 0 204 0"}
    assert set(targets(done)) == {bank, mail}
    rows = [line for line in done.section("chaos") if refused in line]
    assert sorted(word for row in rows for word in row.split() if "urlopen" in word) == sorted([bank, mail])


def test_a_package_whose_functions_neither_fail_nor_wait_meets_nothing(project):
    """A glob over a package says where to look, and there is nothing to be seen."""
    project.write("shop/__init__.py", "")
    project.write(
        "shop/prices.py",
        """
        import time, random

        class Price:
            def __init__(self, amount): self.amount = amount
            def with_tax(self): return Price(rounded(self.amount * 1.2))

        def rounded(amount): return round(amount, 2)
        def lucky(): return random.random() < 2 and time.time() > 0
        """,
    )
    project.write(
        "tests/test_it.py",
        """
        from shop.prices import Price, lucky

        def test_it():
            assert lucky() and Price(10).with_tax().amount == 12
        """,
    )
    done = project.run_apart("--chaos-target=shop.**:*")

    assert done.document["results"] == []
    assert done.outcomes == {"passed": 1}


def test_a_package_is_swept_at_the_boundaries_that_it_leads_to(project):
    """And at functions of its own that raise something by name; those that only pass something on meet nothing."""
    project.write("shop/__init__.py", "")
    project.write(
        "shop/files.py",
        """
        class Closed(Exception): pass

        def read(name):
            with open(name) as file:
                return parsed(file.read())

        def parsed(text):
            if not text:
                raise Closed
            return text.upper()

        def shown(name): return read(name)
        """,
    )
    project.write(
        "tests/test_it.py",
        """
        from shop.files import shown

        def test_it(tmp_path):
            (tmp_path / "rates").write_text("a")
            assert shown(tmp_path / "rates") == "A"
        """,
    )
    done = project.run_apart("--chaos-target=shop.**:*")

    assert targets(done) == ["builtins:open[<tmp>/rates]"]


def test_a_library_over_a_socket_is_one_boundary(project):
    """It fails as that library fails; who asks it has no socket."""
    pytest.importorskip("requests")
    project.write(
        "shop.py",
        """
        import requests, socket

        def ask(port):
            return requests.get(f"http://127.0.0.1:{port}/", timeout=5).status_code
        """,
    )
    project.write("tests/test_it.py", "import shop\n\ndef test_it(bank):\n    assert shop.ask(bank) == 204\n")
    done = project.run_apart()

    assert set(targets(done)) == {"requests.sessions:Session.request[localhost/shop:ask]"}
    faults = {one["scenario"].partition(" = ")[2] for one in done.by_id.values() if one["kind"] == "explored"}
    assert faults == {
        "raise(requests.exceptions:ConnectionError)",
        "raise(requests.exceptions:ReadTimeout)",
        "answer(502, '<html>')",
    }


GATEWAY = """
    import logging

    def fetch(name): return name
    def get(name): return fetch(name)

    def price(): return get("price")
    def stock(): return get("stock")

    def careful():
        try:
            return get("price")
        except ConnectionError:
            logging.warning("no price")
            return "price"
"""


def test_behind_one_gateway_each_way_that_makes_a_difference_is_explored_once(project):
    """Tests that reach it by ways in which nobody could do anything share one key."""
    project.write("shop.py", GATEWAY)
    project.write(
        "tests/test_it.py",
        """
        import pytest, shop

        @pytest.mark.parametrize("name", ["price", "stock", "careful"])
        @pytest.mark.parametrize("number", range(3))
        def test_it(name, number):
            assert getattr(shop, name)() in ("price", "stock")
        """,
    )
    done = project.run_apart("--chaos-target=shop:fetch", "--chaos-fault=raise(ConnectionError)")

    verdicts = [one["verdict"] for one in done.by_id.values() if one["kind"] == "explored"]
    assert sorted(verdicts) == ["escaped", "resilient"]
    assert "2 keys, 2 scenarios run (2 all)" in done.text


def test_calls_of_a_thread_are_a_way_of_their_own(project):
    """The error that ends a thread is lost, where the same call outside of it would have failed the test."""
    project.write(
        "shop.py",
        """
        import threading

        def charge(): return 1
        def pay(): return charge()

        def pay_later():
            thread = threading.Thread(target=pay)
            thread.start()
            thread.join()
        """,
    )
    project.write(
        "tests/test_it.py",
        """
        import pytest, shop

        @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
        def test_it():
            shop.pay()
            shop.pay_later()
        """,
    )
    done = project.run_apart("--chaos-target=shop:charge", "--chaos-fault=raise(ConnectionError)")

    verdicts = {one["scenario"]: one["verdict"] for one in done.by_id.values() if one["kind"] == "explored"}
    assert verdicts["shop:charge = raise(ConnectionError)"] == "escaped"
    assert verdicts["shop:charge = #2.. raise(ConnectionError)"] == "lost"


@pytest.mark.parametrize("scope", ["suite", "test"])
def test_a_marker_explores_its_own_test_whatever_others_explore(project, scope):
    """What is asked for on a test is shown on that test."""
    project.write("shop.py", GATEWAY)
    project.write(
        "tests/test_it.py",
        """
        import pytest, shop

        def test_quick():
            shop.price()

        @pytest.mark.chaos_explore
        def test_marked():
            shop.price()
        """,
    )
    done = project.run_apart(
        "--chaos-target=shop:fetch", "--chaos-fault=raise(ConnectionError)", f"--chaos-scope={scope}"
    )

    assert {one["test"].rpartition("::")[2] for one in done.by_id.values()} == {"test_quick", "test_marked"}


def test_a_library_that_a_fixture_imports_is_a_boundary_also_for_the_first_test(project):
    """Its calls were not seen in the plain run, so there is another one; else the socket beneath would be swept."""
    project.write("shop.py", "def ask(http):\n    return http.get('/').status_code\n")
    project.write(
        "tests/test_it.py",
        """
        import pytest, shop

        @pytest.fixture
        def http(bank):
            import httpx

            with httpx.Client(base_url=f"http://127.0.0.1:{bank}") as http:
                yield http

        def test_it(http):
            assert shop.ask(http) == 204
        """,
    )
    done = project.run_apart("-v")

    assert set(targets(done)) == {"httpx:Client.send[localhost/shop:ask]"}
    assert "1 plain run" in done.text
    assert done.shown[0] == ("test_it", "PASSED") != done.shown[1]


def test_service_has_the_name_of_its_first_user_whatever_is_swept(project):
    """Also where that is called by a boundary that nobody swept, and where one scenario alone is run again."""
    project.write(
        "shop.py",
        """
        import socket, urllib.request

        def is_up(port):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()

        def ask(port):
            is_up(port)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.status
        """,
    )
    project.write(
        "tests/test_it.py",
        """
        import shop

        def test_it(bank):
            assert shop.ask(bank) == 204
        """,
    )
    done = project.run("--chaos-target", "urllib.request:urlopen", "--chaos-fault", "raise(ConnectionError)")
    (found,) = [one for one in done.by_id.values() if one["kind"] == "explored"]
    again = project.again(found["replay"])
    (same,) = [one for one in again.by_id.values() if one["kind"] == "explored"]

    assert found["scenario"].startswith("urllib.request:urlopen[localhost/shop:is_up]")
    assert [(one["scenario"], one["verdict"]) for one in (found, same)] == [(found["scenario"], "escaped")] * 2


def test_file_is_the_same_dependency_wherever_the_temporary_folder_is(project, monkeypatch):
    """Each run of a test is given another folder."""
    project.write(
        "shop.py",
        """
        import sqlite3

        def keep(path):
            sqlite3.connect(path).close()
        """,
    )
    project.write(
        "tests/test_it.py",
        """
        import shop

        def test_it(tmp_path):
            shop.keep(tmp_path / "orders.db")
        """,
    )
    (project.path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(project.path / "elsewhere"))
    done = project.run("--basetemp=scratch")

    assert {one["verdict"] for one in done.by_id.values() if one["kind"] == "explored"} == {"escaped"}
    assert set(targets(done)) == {"sqlite3:connect[<tmp>/orders.db]"}


def test_two_databases_are_down_in_turn(project):
    """A connection that a fixture has made before the window goes where it was made for."""
    project.write(
        "shop.py",
        """
        import logging, sqlite3

        def opened(path):
            return sqlite3.connect(path)

        def tried(connection):
            try:
                return connection.execute("select 1").fetchone()[0]
            except sqlite3.OperationalError:
                logging.warning("it does not answer")
                return 0

        def checkout(*connections):
            return [tried(connection) for connection in connections]
        """,
    )
    project.write(
        "tests/test_it.py",
        """
        import contextlib, pathlib, pytest, shop

        @pytest.fixture
        def orders(tmp_path):
            with contextlib.closing(shop.opened(tmp_path / "orders.db")) as connection:
                yield connection

        def test_it(orders):
            with contextlib.closing(shop.opened(":memory:")) as cache:
                answers = shop.checkout(orders, cache, orders, cache)
            with pathlib.Path("answers").open("a") as file:
                print(*answers, file=file)
        """,
    )
    done = project.run_apart("--chaos-only=*Cursor.execute* all*")

    orders, cache = "sqlite3:Cursor.execute[<tmp>/orders.db]", "sqlite3:Cursor.execute[:memory:]"
    plain, *disturbed, recovered = (project.path / "answers").read_text().splitlines()
    assert plain == recovered == "1 1 1 1"
    assert sorted(disturbed) == ["0 1 0 1", "1 0 1 0"]
    assert targets(done) == [cache, orders]


def test_functions_of_one_decorator_are_told_apart(project):
    """All that a decorator has made share its code, and yet one of them opens a file and the other does not."""
    project.write(
        "store.py",
        """
        import functools

        def checked(function):
            @functools.wraps(function)
            def inner(*args):
                return function(*args)
            return inner

        @checked
        def text():
            with open(__file__) as file:
                return file.read()

        @checked
        def one():
            return 1
        """,
    )
    project.write("app.py", "import store\n\ndef size():\n    return len(store.text()) + store.one()\n")
    project.write("tests/test_it.py", "import app\n\ndef test_it():\n    assert app.size()\n")
    done = project.run("--chaos-target=store:*")

    met = {one["scenario"] for one in done.by_id.values() if one["kind"] == "explored"}
    assert {"store:text = raise(FileNotFoundError)", "store:one = raise(ConnectionError)"} <= met
    assert "store:one = raise(FileNotFoundError)" not in met
