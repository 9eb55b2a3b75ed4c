"""What the suites of real projects have shown: see docs/explanation/real-projects.md."""

from __future__ import annotations

from typing import Any

SHOP = """
    import os, weakref

    parcels = []

    class Parcel:
        def __init__(self):
            parcels.append(weakref.ref(self))

    def weigh(parcel):
        return 1

    def send():
        parcel = Parcel()
        return weigh(parcel)

    def clear(path):
        os.remove(path)
"""


def test_what_a_failed_run_keeps_is_not_there_in_the_next_one(pytester: Any) -> None:
    pytester.makepyfile(
        shop=SHOP,
        test_shop="""
            import gc, shop, pytest

            @pytest.fixture(autouse=True, scope="module")
            def uncollected():
                gc.disable()
                yield
                gc.enable()

            def test_it():
                assert not [parcel for parcel in shop.parcels if parcel() is not None]
                assert shop.send() == 1
        """,
    )

    result = pytester.runpytest(
        "-p", "chaos", "--chaos", "--chaos-target=shop:weigh", "--chaos-fault=raise(OSError)", "-v"
    )

    result.stdout.fnmatch_lines(["*shop:weigh raise OSError all? ESCAPED*", "*chaos: recovery? RESILIENT*"])
    assert result.ret == 0


def test_what_only_a_failure_keeps_is_no_leak(pytester: Any) -> None:
    pytester.makepyfile(
        shop="""
            class Queue:
                def __init__(self, path):
                    self.file = open(path, "w")

                def __del__(self):
                    self.file.close()

                def put(self, thing):
                    self.file.write(encode(thing))

            def encode(thing):
                return str(thing)
        """,
        test_shop="""
            import shop

            def test_it(tmp_path):
                queue = shop.Queue(tmp_path / "file")
                queue.put(1)
        """,
    )

    result = pytester.runpytest(
        "-p", "chaos", "--chaos", "--chaos-target=shop:encode", "--chaos-fault=raise(OSError)", "-v"
    )

    result.stdout.fnmatch_lines(["*shop:encode raise OSError all? ESCAPED*"])
    assert result.ret == 0


def test_what_a_failure_drops_is_no_error_of_the_next_test(pytester: Any) -> None:
    pytester.makepyfile(
        shop="""
            import socket

            def connect():
                connection = socket.socket()
                greet(connection)
                connection.close()

            def greet(connection):
                pass
        """,
        test_shop="""
            import shop

            def test_it():
                shop.connect()

            def test_later():
                pass
        """,
    )

    result = pytester.runpytest(
        *("-p", "chaos", "--chaos", "--chaos-target=shop:greet", "--chaos-fault=raise(OSError)", "-v"),
        *("--chaos-scope=test", "-p", "no:randomly"),
        *("-Werror::ResourceWarning", "-Werror::pytest.PytestUnraisableExceptionWarning"),
    )

    result.stdout.fnmatch_lines(["*shop:greet raise OSError all? LEAKED*", "*test_later PASSED*"])
    assert result.ret == 0


def test_library_that_only_the_tests_import_is_swept_by_its_name(pytester: Any) -> None:
    pytester.makepyfile(
        shop="""
            import sqlite3

            def count():
                connection = sqlite3.connect(":memory:")
                try:
                    return connection.execute("select 1").fetchone()[0]
                finally:
                    connection.close()
        """,
        test_shop="""
            import shop

            def test_it():
                assert shop.count() == 1
        """,
    )

    result = pytester.runpytest_subprocess("-p", "chaos", "--chaos", "--chaos-target=sqlite3", "-v")

    result.stdout.fnmatch_lines(["*sqlite3:connect?:memory:? raise OperationalError all?*"])


def test_functions_on_local_files_meet_the_errors_of_files_and_do_not_hang(pytester: Any) -> None:
    pytester.makepyfile(
        shop=SHOP,
        test_shop="""
            import shop

            def test_it(tmp_path):
                file = tmp_path / "file"
                file.touch()
                shop.clear(file)
        """,
    )

    result = pytester.runpytest("-p", "chaos", "--chaos", "--chaos-target=os:remove", "--chaos-plan")

    result.stdout.fnmatch_lines(["  os:remove raise FileNotFoundError all*", "  os:remove raise PermissionError all*"])
    result.stdout.no_fnmatch_line("*os:remove*ConnectionError*")
    result.stdout.no_fnmatch_line("*os:remove hang*")
