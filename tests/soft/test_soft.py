"""Systems that leave something for a while, or for good, and leak nothing: not a word about them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
INI = "[pytest]\nfilterwarnings = error\n"


def results(project: Path, name: str, options: list[str], **environment: str) -> tuple[int, list[dict[str, Any]]]:
    """Run one file under ``--chaos`` and return the exit code and what was said of each test."""
    (project / "pytest.ini").write_text(INI)
    (project / "system.py").write_text("def fetch():\n    return 1\n")
    (project / f"test_{name}.py").write_text((HERE / f"{name}.py").read_text())
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "chaos",
            "--chaos",
            "--chaos-target=none",
            "--chaos-report=chaos.json",
            *options,
        ],
        cwd=project,
        env={**os.environ, **environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode, json.loads((project / "chaos.json").read_text())["results"]


def spoken(found: list[dict[str, Any]]) -> list[str]:
    return [f"{result['test']}: {one['text']}" for result in found for one in result["evidence"]]


BESIDE = {
    "alone": [],
    "timeout": ["-p", "pytest_timeout", "--timeout=60", "--timeout-method=thread"],
    "xdist": ["-p", "xdist", "-n2"],
    "asyncio": ["-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"],
    "anyio": ["-p", "anyio"],
    "randomly": ["-p", "pytest_randomly"],
}


@pytest.mark.parametrize("beside", BESIDE)
def test_clean_systems_are_silent(tmp_path: Path, beside: str) -> None:
    code, found = results(tmp_path, "clean", BESIDE[beside])

    assert (0, []) == (code, spoken(found))
    assert {"resilient"} == {result["verdict"] for result in found}


def test_clean_systems_are_silent_without_a_fault(tmp_path: Path) -> None:
    """Judged strictly: there is not a note."""
    assert (0, []) == results(tmp_path, "clean", [], SOFT_ALONE="1")


def test_real_libraries_are_silent_without_a_fault(tmp_path: Path, postgres: str, redis_server: str) -> None:
    assert (0, []) == results(
        tmp_path, "libraries", [], SOFT_POSTGRES=postgres, SOFT_REDIS=redis_server, SOFT_ALONE="1"
    )


def test_real_libraries_are_silent(tmp_path: Path, postgres: str, redis_server: str) -> None:
    code, found = results(tmp_path, "libraries", [], SOFT_POSTGRES=postgres, SOFT_REDIS=redis_server)

    assert (0, []) == (code, spoken(found))
    assert {"resilient"} == {result["verdict"] for result in found}


NOTED = {"test_pool_of_psycopg[1]": "test_lazy.pool", "test_async_pool_of_psycopg[1]": "test_lazy.async_pool"}


def test_what_real_libraries_keep_for_a_lazy_singleton_is_at_most_noted(
    tmp_path: Path, postgres: str, redis_server: str
) -> None:
    """Once, with the variable that keeps it."""
    code, found = results(tmp_path, "lazy", [], SOFT_POSTGRES=postgres, SOFT_REDIS=redis_server)
    notes = {result["test"].rpartition("::")[2]: result["evidence"] for result in found if result["evidence"]}

    assert (0, {"resilient"}) == (code, {result["verdict"] for result in found}), spoken(found)
    assert (set(NOTED) if postgres else set()) == set(notes), spoken(found)
    for test, evidence in notes.items():
        assert {one["kind"] for one in evidence} <= {"thread", "task"}
        assert all(one["text"].endswith(f"; kept by {NOTED[test]}") for one in evidence), spoken(found)


def test_the_servers_were_there(postgres: str, redis_server: str) -> None:
    if not (postgres and redis_server):
        pytest.skip("no PostgreSQL or no Redis server is installed: their pools were not looked at")
