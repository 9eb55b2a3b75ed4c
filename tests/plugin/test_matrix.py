"""Each client against each framework: the page about clients says what is found, and who does it right is left alone.

The applications of ``matrix/`` are run by real servers, and by their own test clients.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "clients.md"
WEAKNESSES = ("status", "leak", "type", "closed")
FRAMEWORKS = ("starlette", "flask", "django", "falcon", "aiohttp")
_TEST = re.compile(r"test_cell\[(.+)\]")


def rows() -> dict[tuple[str, str], list[str]]:
    """Return the table of the page: by framework and client the kind of evidence of each weakness; ``-`` for none."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == len(WEAKNESSES) + 2 and cells[0] != "framework":
            found[cells[0].partition(",")[0].lower(), cells[1]] = cells[2:]
    return found


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_page_about_clients_says_what_is_found(inner, monkeypatch, framework):
    pytest.importorskip(framework)
    for path in (HERE / "matrix").glob("*.py"):
        names = {"fixtures.py": "conftest.py", "cells.py": "test_cells.py"}
        shutil.copy(path, inner.path / names.get(path.name, path.name))
    inner.write("pyproject.toml", "[tool.pytest_chaos.contract]\nstatus = [200, 503]\n")
    monkeypatch.setenv("MATRIX_FRAMEWORK", framework)
    done = inner.run_apart("--chaos-rule=services:charge = raise(ConnectionError)", "-W", "ignore")

    found: dict[tuple[str, str, str], list[tuple[str, bool, str]]] = {}
    for result in done.document["results"]:
        if result["kind"] == "explored":
            match = _TEST.search(result["test"])
            assert match is not None
            words = match[1].split("-")
            weakness, variant = (
                next(word for word in words if word in WEAKNESSES),
                "right" if "right" in words else "broken",
            )
            client = next(word for word in words if word not in (*WEAKNESSES, "right", "broken"))
            causes = [(one["kind"], one["fails"], one["place"]) for one in result["causes"]]
            found[client, weakness, variant] = causes

    told = {client: kinds for (of, client), kinds in rows().items() if of == framework}
    assert {client for client, _, _ in found} == set(told)
    for (client, weakness, variant), causes in found.items():
        kind = told[client][WEAKNESSES.index(weakness)] if variant == "broken" else "-"
        expected = [] if kind == "-" else [(kind, True)]
        assert ((client, weakness, variant), [one[:2] for one in causes]) == ((client, weakness, variant), expected)
        assert all(re.match(r"\w+\.py:\d+ ", place) for _, _, place in causes)
