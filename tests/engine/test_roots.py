"""Where the project lies on the disk, and which of its folders are the tests'."""

from __future__ import annotations

import json
import os
import pwd
import tempfile
from pathlib import Path

import pytest

from pytest_chaos.roots import (
    editable_folders,
    folders_of_tests,
    grounds_of,
    is_in_environment,
    places_of,
    repository_around,
    strangers,
)


def build(root: Path, *names: str) -> None:
    """Make empty files, and the folders that they lie in; a name that ends in ``/`` is a folder."""
    for name in names:
        path = root / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.touch()


def grounds(root: Path) -> list[str]:
    """Return the grounds of a root folder, relative to it."""
    return [os.path.relpath(name, root) for name in grounds_of(root)]


@pytest.mark.parametrize(
    ("files", "root", "expected"),
    [
        (["shop/.git/"], "shop", "shop"),
        (["shop/.git/"], "shop/one/two", "shop"),
        (["shop/.git"], "shop/one", "shop"),
        (["shop/pyproject.toml"], "shop/one", "shop"),
        (["shop/.git/", "shop/one/pyproject.toml"], "shop/one/two", "shop/one"),
        (["shop/setup.py"], "shop/one", None),
        (["shop/.git/", "shop/tests/pyproject.toml"], "shop/tests", "shop"),
        (["shop/.git/"], "shop/.venv/lib/other", None),
        (["shop/.git/"], "shop/node_modules/other", None),
        (["shop/.git/"], "shop/.cache/other", None),
        (["shop/.git/"], "shop/tmp/pytest-of-me/pytest-0/test_it0", None),
        (["shop/.git/", "shop/.trees/other/.git"], "shop/.trees/other/one", "shop/.trees/other"),
        (["home/.git/"], "home/desk/shop", None),
        ([".git/"], "home/desk/shop", None),
        (["home/pyproject.toml"], "home", None),
        (["home/desk/.git/"], "home/desk/shop", "home/desk"),
    ],
)
def test_repository_is_the_nearest_folder_with_a_mark_that_is_nobody_elses(
    tmp_path: Path, files: list[str], root: str, expected: str | None
) -> None:
    build(tmp_path, *files, f"{root}/")

    found = repository_around(tmp_path / root, [tmp_path / "home"])

    assert (None if expected is None else tmp_path / expected) == found


def test_home_and_temporary_files_are_nobodys_project(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(pwd.getpwuid(os.getuid()).pw_dir).resolve()
    monkeypatch.setenv("HOME", "/elsewhere")  # as a plugin's tests do

    assert {Path("/"), Path(tempfile.gettempdir()).resolve(), home} == strangers()


@pytest.mark.parametrize(
    ("files", "root", "expected"),
    [
        (["src/"], "tests", [".", "../src"]),
        (["src/"], "test", [".", "../src"]),
        (["src/"], "checks", ["."]),
        (["src/", ".git/"], "tests", [".", ".."]),
        ([], "tests", ["."]),
        ([".git/"], ".", ["."]),
    ],
)
def test_source_beside_a_root_folder_of_tests_is_the_project(
    tmp_path: Path, files: list[str], root: str, expected: list[str]
) -> None:
    build(tmp_path, *files, f"{root}/")

    assert expected == grounds(tmp_path / root)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("shop/db.py", False),
        (".venv/lib/python3/site-packages/six.py", True),
        (".tox/py311/src/six.py", True),
        ("web/node_modules/gyp/gyp.py", True),
        ("__pypackages__/3.11/lib/six.py", True),
        ("build/lib/shop.py", False),
        ("src/build/env.py", False),
        ("node_modules", False),
    ],
)
def test_environment_inside_the_project_holds_what_others_wrote(path: str, expected: bool) -> None:
    assert expected == is_in_environment(path)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["tests/test_it.py"], ["tests"]),
        (["tests/conftest.py"], ["tests"]),
        (["tests/unit/deep/test_it.py"], ["tests"]),
        (["shop/tests/test_it.py"], ["shop/tests"]),
        (["shop/tests/test_it.py", "shop/bank/test/test_it.py"], ["shop/bank/test", "shop/tests"]),
        (["Tests/test_it.py"], ["Tests"]),
        (["unit_tests/test_it.py"], ["unit_tests"]),
        (["tests-unit/test_it.py"], ["tests-unit"]),
        (["testing/test_it.py"], ["testing"]),
        # Modules beside their tests are the project, whoever else lies there.
        (["test_it.py", "conftest.py"], []),
        (["shop/test_it.py", "shop/conftest.py"], []),
        (["polls/tests.py"], []),
        (["speed_test/test_it.py"], []),
        (["speed_tests/deep/test_it.py"], []),
        (["testing/deep/test_it.py"], []),
        (["latest/test_it.py"], []),
        (["../elsewhere/tests/test_it.py"], []),
    ],
)
def test_folder_is_the_tests_if_they_lie_in_it_and_it_is_called_so(
    tmp_path: Path, files: list[str], expected: list[str]
) -> None:
    root = tmp_path / "tests" / "project"  # what lies above does not matter
    names = [os.path.normpath(root / file) for file in files]

    found = folders_of_tests(names, (f"{root}/",))

    assert [f"{root}/{name}/" for name in expected] == list(found)


def test_root_folder_is_the_tests_only_if_the_project_lies_elsewhere(tmp_path: Path) -> None:
    root = f"{tmp_path}/tests/"
    file = f"{root}test_it.py"

    assert (root,) == folders_of_tests([file], (root, f"{tmp_path}/"))
    assert (root,) == folders_of_tests([file], (root, f"{tmp_path}/src/"))
    assert () == folders_of_tests([file], (root,))
    assert () == folders_of_tests([f"{tmp_path}/shop/test_it.py"], (f"{tmp_path}/shop/", f"{tmp_path}/"))


def test_folders_of_editable_installs_are_read_from_what_installers_leave(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    editable = {"dir_info": {"editable": True}}
    told = {
        "one-1.0.dist-info": {"url": (tmp_path / "with blank").as_uri(), **editable},
        "two-1.0.dist-info": {"url": (tmp_path / "two").as_uri(), "dir_info": {}},
        "three-1.0.dist-info": {"url": "https://example.org/three.whl", **editable},
        "home-1.0.dist-info": {"url": "file:///", **editable},
        "odd-1.0.dist-info": ["url"],
        "pytest_chaos-1.0.dist-info": {"url": (tmp_path / "ours").as_uri(), **editable},
    }
    for name, value in told.items():
        (site / name).mkdir(parents=True)
        (site / name / "direct_url.json").write_text(json.dumps(value), encoding="utf-8")
    (site / "plain-1.0.dist-info").mkdir()
    (site / "torn-1.0.dist-info").mkdir()
    (site / "torn-1.0.dist-info" / "direct_url.json").write_bytes(b"\xff{")
    (site / "four.egg-link").write_text(f"{tmp_path}/four\n../\n", encoding="utf-8")
    (site / "__editable__.five-1.0.pth").write_text(f"{tmp_path}/five/src\nimport five\n", encoding="utf-8")
    (site / "__editable__.pytest_chaos-1.0.pth").write_text(f"{tmp_path}/ours\n", encoding="utf-8")
    (site / "other.pth").write_text(f"{tmp_path}/other\n", encoding="utf-8")

    found = editable_folders((str(site), str(tmp_path / "nowhere")))

    assert [f"{tmp_path}/{name}/" for name in ("five/src", "four", "with blank")] == list(found)


def test_places_of_a_package_are_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "placed").mkdir()
    (tmp_path / "placed" / "__init__.py").write_text("raise SystemError('imported')\n", encoding="utf-8")
    (tmp_path / "lone_placed.py").write_text("raise SystemError('imported')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert [f"{tmp_path}/placed/"] == places_of("placed")
    assert [f"{tmp_path}/lone_placed.py"] == places_of("lone_placed")
    assert [] == places_of("no_such_package")
    assert [] == places_of("placed.inner"), "its package raises"
    assert [] == places_of("sys"), "it has no file"
