"""Whose code a frame belongs to, whom a fault may disturb, and which calls are the test's own."""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import sys
import sysconfig
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import hypothesis
import pluggy
import pytest
import wrapt

import pytest_chaos
from pytest_chaos import experiment, hang
from pytest_chaos.faults import alternating, cancelling, corrupting, delaying, garbage, instances, raising, replying
from pytest_chaos.injector import passage, strike
from pytest_chaos.provenance import Place, Provenance, caller_module, frames_from, is_stdlib_module


@pytest.fixture
def provenance(tmp_path: Path) -> Provenance:
    return Provenance(
        tmp_path,
        test_files=[str(tmp_path / "test_it.py")],
        plugin_files=["/elsewhere/plugin.py", str(tmp_path / "p.py")],
    )


def function_in(filename: str, inner: Any, name: str = "shop", function: str = "call") -> Any:
    """Return a function in a file of that name that calls ``inner``, or returns its own frame."""
    namespace: dict[str, Any] = {"sys": sys, "__name__": name}
    exec(compile(f"def {function}(f): return f() if f else sys._getframe()", filename, "exec"), namespace)
    return functools.partial(namespace[function], inner)


def frame_of(filename: str, name: str = "shop") -> FrameType:
    """Return the frame of a function in a file of that name."""
    frame: FrameType = function_in(filename, None, name)()
    return frame


def stack(*filenames: str) -> FrameType:
    """Return the innermost frame of a stack of functions in these files, outermost first, with none between."""
    function = None
    for filename in reversed(filenames):
        function = function_in(filename, function)
    assert function is not None
    frame: FrameType = function()
    return frame


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("{root}/shop.py", "project"),
        ("{root}/package/deep/shop.py", "project"),
        ("{root}/conftest.py", "test"),
        ("{root}/package/conftest.py", "test"),
        ("{root}/test_it.py", "test"),
        ("src/compiled/elsewhere.pyx", "installed"),
        ("{root}/test_other.py", "project"),
        ("{root}/p.py", "project"),
        ("{root}/.venv/lib/python3/site-packages/requests/api.py", "installed"),
        ("{root}/.venv/lib/python3/site-packages/six.py", "installed"),
        ("{root}/.venv/lib/python3/site-packages/pytest_mock/plugin.py", "pytest"),
        ("{root}/.venv/lib/python3/site-packages/xdist/plugin.py", "pytest"),
        ("/usr/lib/python3/dist-packages/requests/api.py", "installed"),
        ("/elsewhere/plugin.py", "pytest"),
        ("/elsewhere/other.py", "installed"),
        ("<frozen importlib._bootstrap>", "import"),
        ("<frozen os>", "stdlib"),
        ("<string>", "generated"),
        ("<attrs generated init>", "generated"),
        (json.__file__, "stdlib"),
        (asyncio.__file__, "stdlib"),
        (importlib.__file__, "import"),
        (pytest.__file__, "pytest"),
        (pluggy.__file__, "pytest"),
        (hypothesis.__file__, "pytest"),
        (wrapt.__file__, "installed"),
        (pytest_chaos.__file__, "chaos"),
        (experiment.__file__, "chaos"),
        (hang.__file__, "chaos"),
        (instances.__file__, "chaos"),
        (garbage.__file__, "chaos"),
        *((module.__file__, "passage") for module in (alternating, cancelling, corrupting, raising, replying)),
        (passage.__file__, "passage"),
        (strike.__file__, "passage"),
        (delaying.__file__, "passage"),
        (sysconfig.get_path("stdlib") + "/site-packages/requests/api.py", "installed"),
    ],
)
def test_origin_of_a_file(provenance: Provenance, tmp_path: Path, filename: str, expected: str) -> None:
    assert expected == provenance.of_file(filename.format(root=tmp_path))


def test_named_packages_are_the_project_wherever_they_are(tmp_path: Path) -> None:
    provenance = Provenance(tmp_path, packages=["shop"])
    inside = str(tmp_path / "shop.py")
    outside = "/usr/lib/python3/dist-packages/shop/api.py"

    assert ["project", "project", "installed", "installed"] == [
        provenance.of_frame(frame_of(filename, name=name))
        for filename, name in ((inside, "shop"), (outside, "shop.api"), (inside, "other"), (outside, "shopping"))
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["{root}/shop.py"], True),
        (["{root}/test_it.py"], True),
        (["{root}/site-packages/requests/api.py"], True),
        ([pytest.__file__], False),
        ([pluggy.__file__], False),
        ([importlib.__file__], False),
        (["<frozen importlib._bootstrap>"], False),
        ([experiment.__file__], False),
        (["{root}/shop.py", json.__file__], True),
        (["{root}/shop.py", json.__file__, "<string>"], True),
        ([pytest.__file__, json.__file__], False),
        (["{root}/shop.py", pytest.__file__, json.__file__], False),
        ([pytest.__file__, "{root}/shop.py"], True),
        (["{root}/shop.py", passage.__file__, strike.__file__], True),
        ([pytest.__file__, passage.__file__], False),
    ],
)
def test_nearest_caller_outside_the_standard_library_decides(
    provenance: Provenance, tmp_path: Path, files: list[str], expected: bool
) -> None:
    assert expected == provenance.is_disturbable(stack(*[name.format(root=tmp_path) for name in files]))


def test_first_call_of_a_thread_may_be_disturbed(provenance: Provenance) -> None:
    seen: list[bool] = []

    class Probe(threading.Thread):
        run = staticmethod(lambda: seen.append(provenance.is_disturbable(sys._getframe(1))))  # type: ignore[assignment]  # a lambda stands for the method

    thread = Probe()
    thread.start()
    thread.join()

    assert [True] == seen
    assert provenance.is_disturbable(None)


def test_callback_of_a_loop_may_be_disturbed_whoever_runs_the_loop(provenance: Provenance) -> None:
    callback = function_in(asyncio.events.__file__, None, function="_run")
    frame = function_in(pytest.__file__, function_in(asyncio.base_events.__file__, callback))()

    assert provenance.is_disturbable(frame)
    assert not provenance.is_disturbable(frame.f_back)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["{root}/test_it.py"], True),
        (["{root}/test_it.py", "{root}/site-packages/httpx/client.py"], True),
        (["{root}/test_it.py", json.__file__], True),
        (["{root}/test_it.py", "{root}/shop.py"], False),
        (["{root}/test_it.py", "{root}/shop.py", "{root}/site-packages/httpx/client.py"], False),
        (["{root}/shop.py", "{root}/test_it.py"], True),
        (["{root}/conftest.py", "{root}/site-packages/httpx/client.py"], True),
        ([pytest.__file__], True),
    ],
)
def test_driver_call_has_no_project_frame_between_it_and_the_test(
    provenance: Provenance, tmp_path: Path, files: list[str], expected: bool
) -> None:
    assert expected == provenance.is_driver_call(stack(*[name.format(root=tmp_path) for name in files]))


def test_first_project_frame_is_the_innermost(provenance: Provenance, tmp_path: Path) -> None:
    frame = stack(str(tmp_path / "outer.py"), str(tmp_path / "inner.py"), json.__file__)
    found = provenance.first_project_frame(frame)

    assert found is not None
    assert str(tmp_path / "inner.py") == found.f_code.co_filename
    assert provenance.first_project_frame(None) is None


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("{root}/shop/db.py", "shop/db.py"),
        (json.__file__, "json/__init__.py"),
        (pluggy.__file__, "pluggy/__init__.py"),
        ("/nowhere/at/all.py", "/nowhere/at/all.py"),
        ("<string>", "<string>"),
    ],
)
def test_file_names_are_shortened_for_reports(
    provenance: Provenance, tmp_path: Path, filename: str, expected: str
) -> None:
    assert expected == provenance.shorten(filename.format(root=tmp_path))


def test_calling_module_is_seen_through_our_passage() -> None:
    frame = function_in("/x/shop.py", function_in(passage.__file__, None, "passage"), "shop")()

    assert "shop" == caller_module(frame)
    assert "" == caller_module(None)


def test_frames_are_walked_outwards() -> None:
    frames = list(frames_from(sys._getframe()))

    assert test_frames_are_walked_outwards.__code__ is frames[0].f_code
    assert frames[-1].f_back is None
    assert [] == list(frames_from(None))


@pytest.mark.parametrize(("name", "expected"), [("json", True), ("os.path", True), ("pytest", False), ("jsonx", False)])
def test_standard_library_is_told_by_name(name: str, expected: bool) -> None:
    assert expected == is_stdlib_module(name)


def test_tests_inside_the_package_that_they_test_are_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "boxed" / "tests"
    folder.mkdir(parents=True)
    for file in (folder.parent / "__init__.py", folder / "test_it.py", folder / "conftest.py"):
        file.touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    provenance = Provenance(tmp_path, packages=["boxed"], test_files=[str(folder / "test_it.py")])

    assert "project" == provenance.of_file(str(folder.parent / "__init__.py"))
    assert "test" == provenance.of_file(str(folder / "test_it.py"))
    assert "test" == provenance.of_file(str(folder / "conftest.py"))


def build(root: Path, *names: str) -> None:
    """Make empty files, and the folders that they lie in."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def origins(provenance: Provenance, root: Path, *names: str) -> list[str]:
    """Return the origins of files below a folder."""
    return [provenance.of_file(str(root / name)) for name in names]


def test_repository_around_the_root_folder_is_the_project(tmp_path: Path) -> None:
    build(tmp_path, "repo/pyproject.toml", "repo/service/pytest.ini")
    provenance = Provenance(tmp_path / "repo" / "service")

    assert ["project", "project", "installed", "installed", "installed"] == origins(
        provenance,
        tmp_path,
        "repo/service/api.py",
        "repo/library/api.py",
        "repo/.venv/lib/python3/site-packages/six.py",
        "repo/web/node_modules/gyp/gyp.py",
        "other/api.py",
    )


def test_source_beside_a_root_folder_of_tests_is_the_project(tmp_path: Path) -> None:
    build(tmp_path, "src/orders/service.py", "tests/pytest.ini", "other/api.py")
    provenance = Provenance(tmp_path / "tests", test_files=[str(tmp_path / "tests" / "test_it.py")])

    assert ["project", "test", "test", "installed"] == origins(
        provenance, tmp_path, "src/orders/service.py", "tests/test_it.py", "tests/helpers.py", "other/api.py"
    )


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, and beside it one in which a package lies that is installed in editable mode."""
    site = tmp_path / "env" / "site-packages"
    build(
        site,
        "wares/__init__.py",
        "wares/db.py",
        "wares/_vendor/site-packages/six.py",
        "linked-1.dist-info/direct_url.json",
    )
    build(tmp_path, "checkout/src/linked/api.py", "project/shop.py", "loose/orders/__init__.py", "loose/lone.py")
    told = {"url": (tmp_path / "checkout").as_uri(), "dir_info": {"editable": True}}
    (site / "linked-1.dist-info" / "direct_url.json").write_text(json.dumps(told), encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(site), str(tmp_path / "loose"), *sys.path])
    return tmp_path


def test_what_is_installed_in_editable_mode_is_the_project(elsewhere: Path) -> None:
    name = "checkout/src/linked/api.py"
    provenance = Provenance(elsewhere / "project")

    assert ["project", "installed", "installed"] == origins(
        provenance, elsewhere, name, "checkout/.venv/lib/site-packages/six.py", "env/site-packages/wares/db.py"
    )
    assert ["pytest"] == origins(
        Provenance(elsewhere / "project", plugin_files=[str(elsewhere / name)]), elsewhere, name
    )
    assert ["installed"] == origins(Provenance(elsewhere / "project", packages=["json"]), elsewhere, name)


def test_editable_package_that_is_linked_from_the_installed_ones_is_the_project(elsewhere: Path) -> None:
    link = elsewhere / "env" / "site-packages" / "linked"
    link.symlink_to(elsewhere / "checkout" / "src" / "linked")

    assert "project" == Provenance(elsewhere / "project").of_file(str(link / "api.py"))


def test_package_that_a_target_names_is_the_project_unless_it_is_installed(elsewhere: Path) -> None:
    names = ("loose/orders/db.py", "loose/lone.py", "loose/other.py", "env/site-packages/wares/db.py")
    provenance = Provenance(elsewhere / "project")

    assert ["installed"] * 4 == origins(provenance, elsewhere, *names)
    provenance.learn(named=["orders", "lone", "wares", "json", "no_such_package"])
    assert ["project", "project", "installed", "installed"] == origins(provenance, elsewhere, *names)
    assert "stdlib" == provenance.of_file(json.__file__)


def test_package_that_is_searched_as_a_whole_is_the_project_wherever_it_is(elsewhere: Path) -> None:
    provenance = Provenance(elsewhere / "project")
    provenance.learn(
        swept=["wares", "json"], test_files=[str(elsewhere / "env" / "site-packages" / "wares" / "test_it.py")]
    )

    assert ["project", "test", "installed"] == origins(
        provenance,
        elsewhere,
        "env/site-packages/wares/db.py",
        "env/site-packages/wares/test_it.py",
        "env/site-packages/wares/_vendor/site-packages/six.py",
    )
    assert "stdlib" == provenance.of_file(json.__file__)


def test_collected_test_of_an_installed_package_is_a_test(elsewhere: Path) -> None:
    file = str(elsewhere / "env" / "site-packages" / "wares" / "test_it.py")

    assert "test" == Provenance(elsewhere / "project", test_files=[file]).of_file(file)


def test_helpers_beside_the_tests_are_test_code(tmp_path: Path) -> None:
    provenance = Provenance(
        tmp_path,
        test_files=[str(tmp_path / "tests" / "unit" / "test_it.py")],
        plugin_files=[str(tmp_path / "shop" / "tests" / "conftest.py")],
    )

    assert ["test", "test", "test", "project", "project"] == origins(
        provenance, tmp_path, "tests/helpers.py", "tests/fakes/bank.py", "shop/tests/fakes.py", "shop/db.py", "app.py"
    )


def test_modules_beside_their_tests_are_the_project(tmp_path: Path) -> None:
    names = ("test_it.py", "conftest.py", "polls/tests.py", "polls/conftest.py", "polls/admin/test_admin.py")
    files = [str(tmp_path / name) for name in names]
    provenance = Provenance(tmp_path, test_files=files, plugin_files=[name for name in files if "conftest" in name])

    assert ["test"] * len(names) == origins(provenance, tmp_path, *names)
    assert ["project"] * 3 == origins(provenance, tmp_path, "bank.py", "polls/models.py", "polls/admin/site.py")


def test_package_among_the_tests_is_the_project_where_the_user_targets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path, "tests/sample/__init__.py", "tests/sample/tests/test_it.py", "tests/lone_sample.py")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "tests"), *sys.path])
    names = ("tests/sample/db.py", "tests/lone_sample.py", "tests/helpers.py", "tests/sample/tests/helpers.py")
    files = [str(tmp_path / "tests" / "test_it.py"), str(tmp_path / "tests" / "sample" / "tests" / "test_it.py")]
    provenance = Provenance(tmp_path, test_files=files)

    assert ["test"] * 4 == origins(provenance, tmp_path, *names)
    provenance.learn(named=["sample", "lone_sample"])
    assert ["project", "project", "test", "test"] == origins(provenance, tmp_path, *names)
    by_ini = Provenance(tmp_path, test_files=files, packages=["sample"])
    assert ["project", "test", "test", "test"] == origins(by_ini, tmp_path, *names)


def test_module_of_fixtures_is_test_code_where_it_is_in_the_repository(tmp_path: Path) -> None:
    files = [str(tmp_path / "project" / "shop" / "fixtures.py"), str(tmp_path / "plugin.py")]
    provenance = Provenance(tmp_path / "project", plugin_files=files)

    assert ["project", "pytest"] == [provenance.of_file(name) for name in files]
    provenance.learn(fixture_files=files)
    assert ["test", "pytest"] == [provenance.of_file(name) for name in files]


def test_file_names_of_the_project_outside_the_root_folder_are_shortened(elsewhere: Path) -> None:
    build(elsewhere, "repo/.git/HEAD", "repo/service/pytest.ini")
    provenance = Provenance(elsewhere / "repo" / "service")
    provenance.learn(named=["orders", "lone"])

    assert ["api.py", "../library/api.py", "src/linked/api.py", "orders/db.py", "lone.py"] == [
        provenance.shorten(str(elsewhere / name))
        for name in (
            "repo/service/api.py",
            "repo/library/api.py",
            "checkout/src/linked/api.py",
            "loose/orders/db.py",
            "loose/lone.py",
        )
    ]


@pytest.mark.parametrize("link", ["file", "folder", "folder above"])
def test_file_behind_a_link_belongs_where_the_link_leads(tmp_path: Path, link: str) -> None:
    real = tmp_path / "elsewhere" / "inner"
    real.mkdir(parents=True)
    (real / "shop.py").touch()
    project = tmp_path / "project"
    project.mkdir()
    linked, target, below = {
        "file": (project / "linked.py", real / "shop.py", ""),
        "folder": (project / "linked", real, "shop.py"),
        "folder above": (project / "linked", real.parent, "inner/shop.py"),
    }[link]
    linked.symlink_to(target)

    assert "installed" == Provenance(project).of_file(str(linked / below))
    assert "project" == Provenance(real.parent).of_file(str(linked / below))


def test_what_one_project_knows_of_a_file_says_nothing_in_another(tmp_path: Path) -> None:
    name = str(tmp_path / "one" / "shop.py")

    assert "project" == Provenance(tmp_path / "one").of_file(name)
    assert "installed" == Provenance(tmp_path / "two").of_file(name)
    assert "test" == Provenance(tmp_path / "one", test_files=[name]).of_file(name)
    assert "pytest" == Provenance(tmp_path / "two", plugin_files=[name]).of_file(name)


def test_relative_name_is_looked_up_in_the_folder_of_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "shop.py").touch()
    root = tmp_path / "one"

    monkeypatch.chdir(tmp_path / "two")
    assert "installed" == Provenance(root).of_file("shop.py")
    monkeypatch.chdir(root)
    assert "project" == Provenance(root).of_file("shop.py")


def test_place_is_told_in_three_lengths(tmp_path: Path) -> None:
    code = compile("def pay():\n    pass\n", str(tmp_path / "shop.py"), "exec").co_consts[0]

    place = Provenance(tmp_path).place(code, 2)

    assert Place("shop.py", 2, "pay") == place
    assert ("shop.py:2", "shop.py:2 pay", "shop.py:2 in pay") == (place.at, str(place), place.told)
    assert Place("shop.py", 1, "pay") == Provenance(tmp_path).place(code, None), "of a line that nobody knows"
