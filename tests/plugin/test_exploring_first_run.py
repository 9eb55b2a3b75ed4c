"""The first run: ``pytest --chaos`` and nothing else, in a project that has configured nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture
def project(inner):
    """What nobody asked for is swept here."""
    inner.sweeps = True
    return inner


def test_ten_lines_over_sqlite_are_enough(project):
    """The tests reach a well-known boundary, whose real errors are tried, and something is found."""
    project.write(
        "notes.py",
        """
        import sqlite3

        def add(path, text):
            database = sqlite3.connect(path)
            database.execute("create table if not exists notes (text)")
            database.execute("insert into notes values (?)", (text,))
            database.commit()
            count = database.execute("select count(*) from notes").fetchone()[0]
            database.close()
            return count
        """,
    )
    project.write(
        "test_notes.py",
        """
        import notes

        def test_add(tmp_path):
            assert notes.add(tmp_path / "notes.db", "milk") == 1
        """,
    )
    done = project.run_apart("-v")

    assert done.shown[0] == ("test_add", "PASSED")
    texts = {result["scenario"].partition(" = ")[0] for result in done.by_id.values()} - {""}
    notes = "<tmp>/notes.db"
    called = ("sqlite3:connect", "sqlite3:Cursor.execute", "sqlite3:Connection.commit")
    assert texts == {f"{target}[{notes}]" for target in called}
    verdicts = {result["label"]: result["verdict"] for result in done.by_id.values()}
    assert {"escaped"} <= set(verdicts.values())
    assert verdicts["recovery"] == "resilient"
    assert any("raise OperationalError" in label for label in verdicts)
    assert any(line.startswith("explored 1 test") for line in done.totals)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("def read():\n    with open('note') as file:\n        return file.read()\n", "builtins:open[<tmp>/note]"),
        (
            "import subprocess, sys\n\ndef read():\n    return subprocess.run([sys.executable, '-c', ''])\n",
            f"subprocess:run[{Path(sys.executable).name}]",
        ),
        (
            "import socket\n\ndef read():\n    try:\n        socket.create_connection(('127.0.0.1', 9), timeout=1)\n"
            "    except OSError:\n        return 1\n",
            "socket:create_connection[127.0.0.1:9]",
        ),
    ],
)
def test_well_known_boundaries_are_swept(project, source, target):
    """Files, processes, sockets: whatever leaves the process."""
    project.write("shop.py", source)
    project.write("note", "")
    project.write("test_it.py", "import shop\n\ndef test_it():\n    shop.read()\n")
    done = project.run_apart()

    targets = {result["scenario"].partition(" = ")[0] for result in done.by_id.values()} - {""}
    assert targets == {target}


def test_candidates_are_named_where_no_boundary_is_reached(project):
    """With their calls, who calls them, and the option to add."""
    project.write("bank.py", "def charge():\n    return 'receipt'\n")
    project.write(
        "shop.py",
        "import bank\n\ndef checkout():\n    return total() and bank.charge()\n\ndef total():\n    return 7\n",
    )
    project.write(
        "test_it.py", "import shop\n\ndef test_it():\n    assert shop.checkout()\n    assert shop.checkout()\n"
    )
    done = project.run_apart()
    lines = done.section("chaos")

    assert done.code == 0
    assert done.document["results"] == []
    assert lines[0].startswith("no test called a well-known library (socket, sqlite3, open,")
    assert lines[2:] == [
        "  --chaos-target 'bank:charge'    2 calls from shop",
        "  --chaos-target 'shop:total'    2 calls from shop",
    ]
    explored = project.run_apart("--chaos-target", "bank:charge")
    assert "test_it[chaos: bank:charge raise ConnectionError all]" in explored.scenarios


def test_why_nothing_was_found_is_said(project):
    """A test that calls nothing of a project names what may be the reason."""
    project.write("test_it.py", "def test_it():\n    assert 1 + 1 == 2\n")
    text = project.run_apart().text

    assert "no test called a well-known library" in text
    assert "chaos_packages" in text


def test_the_sweep_can_be_turned_off(project):
    """``--chaos-target none``: ordinary tests run as without chaos."""
    project.write("shop.py", "def read():\n    with open(__file__) as file:\n        return file.read()\n")
    project.write("test_it.py", "import shop\n\ndef test_it():\n    shop.read()\n")
    done = project.run_apart("--chaos-target=none")

    assert done.document["results"] == []
    assert done.outcomes == {"passed": 1}
    assert not any("= chaos =" in line for line in done.lines)


def test_catalogue_is_read_only_where_something_is_swept(project):
    """Fault tests, rules and ordinary tests do without it."""
    project.write(
        "conftest.py",
        """
        import pytest
        from pytest_chaos.catalogue import catalogue

        def refuse(text, place):
            pytest.exit(f"somebody reads {place}")

        catalogue.read_index = refuse
        """,
    )
    project.write("shop.py", "def read():\n    return 1\n")
    project.write(
        "test_it.py",
        """
        import pytest, shop
        from pytest_chaos import Null

        @pytest.mark.chaos("shop:read", Null)
        def test_fault():
            assert shop.read() is None

        def test_it():
            shop.read()
        """,
    )

    assert project.run_apart("--chaos-target=none").outcomes == {"passed": 2}
    assert project.run_apart("--chaos-rule=shop:read = null").outcomes == {"passed": 4}
    assert "somebody reads catalogue/libraries.toml" in project.run_apart().text


def test_turning_the_sweep_off_leaves_a_suite_alone(project):
    """``none`` may stand in ``addopts``; whoever asks for a suite gets its targets."""
    project.write("shop.py", "def read():\n    return note()\n\ndef note():\n    return 1\n")
    project.write("test_it.py", "import shop\n\ndef test_it():\n    shop.read()\n")
    project.write("pyproject.toml", "[tool.pytest_chaos.suites.small]\ntargets = ['shop:note']\nfaults = ['null']\n")
    done = project.run_apart("--chaos-target=none", "--chaos-suite=small")

    assert [result["scenario"] for result in done.document["results"]] == ["", "shop:note = null"]


@pytest.mark.parametrize("how", ["option", "table", "marker"])
def test_nothing_is_swept_where_something_was_asked_for(project, how):
    """A rule, a target or a marker for ordinary tests stands in place of the sweep."""
    project.write("shop.py", "def read():\n    return note() and open(__file__).close()\n\ndef note():\n    return 1\n")
    mark = "@pytest.mark.chaos_explore('shop:note', faults='null')\n" if how == "marker" else ""
    project.write("test_it.py", f"import pytest, shop\n\n{mark}def test_it():\n    shop.read()\n")
    if how == "table":
        project.write("pyproject.toml", "[tool.pytest_chaos]\nrules = ['shop:note = null']\n")
    done = project.run_apart(*(["--chaos-rule=shop:note = null"] if how == "option" else []))

    assert {result["scenario"] for result in done.by_id.values()} == {"", "shop:note = null"}


def test_fault_tests_alone_do_not_end_the_sweep(project):
    """They are disturbed as they say; the ordinary ones beside them are swept."""
    project.write("shop.py", "def read():\n    with open(__file__) as file:\n        return file.read()\n")
    project.write(
        "test_it.py",
        """
        import pytest, shop
        from pytest_chaos import Null

        @pytest.mark.chaos("shop:read", Null)
        def test_fault():
            assert shop.read() is None

        def test_it():
            shop.read()
        """,
    )
    done = project.run_apart()

    kinds = {(result["test"].rpartition("::")[2], result["kind"]) for result in done.document["results"]}
    assert kinds == {("test_fault", "fault"), ("test_it", "explored"), ("test_it", "recovery")}


def test_a_library_can_be_named_as_a_target(project):
    """Its well-known calls, and no others."""
    project.write(
        "shop.py", "import sqlite3\n\ndef read():\n    with open('note'): sqlite3.connect(':memory:').close()\n"
    )
    project.write("note", "")
    project.write("test_it.py", "import shop\n\ndef test_it():\n    shop.read()\n")
    done = project.run_apart("--chaos-target=open")

    targets = {result["scenario"].partition(" = ")[0] for result in done.by_id.values()} - {""}
    assert targets == {"builtins:open[<tmp>/note]"}
