"""Where the project lies on the disk, and which of its folders hold the tests: questions to the file system alone."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

INSTALLED_FOLDERS = ("site-packages", "dist-packages")
# What lies below one of these is somebody else's, put there by a tool; ``build`` is not among them: it is a copy of the
# project, and there are projects of that name.
_ENVIRONMENTS = frozenset(
    {*INSTALLED_FOLDERS, "node_modules", "__pypackages__", ".venv", ".tox", ".nox", ".eggs", ".direnv"}
)
_MARKS = (".git", "pyproject.toml")  # of a repository
_OURS = re.compile(r"(__editable__[._]+)?pytest[-_]chaos[-.]", re.IGNORECASE)
_TESTS = frozenset({"test", "tests"})  # names of folders that are the tests' with all that lies below
_TESTS_TOO = re.compile(r"testing|.+[-_]tests|tests[-_].+")  # and of some where tests lie directly in


def grounds_of(root: Path) -> tuple[str, ...]:
    """Return the folders all of whose files are the project: the root folder, and what it is a part of.

    That is the repository around it and, where there is none and the root folder is that of the tests, a folder ``src``
    beside it.

    Args:
        root: The root folder.

    Returns:
        Their names without links, each with a separator at its end; the root folder first.
    """
    root = root.resolve()
    found = [str(root) + os.sep]
    repository = repository_around(root, strangers())
    if repository is not None:
        found.append(str(repository) + os.sep)
    elif _is_tests_name(root.name) and (root.parent / "src").is_dir():
        found.append(str((root.parent / "src").resolve()) + os.sep)
    return tuple(dict.fromkeys(found))


def repository_around(root: Path, strangers: Collection[Path]) -> Path | None:
    """Return the nearest folder from a root folder upwards that holds ``.git`` or ``pyproject.toml``, or ``None``.

    A root folder in a hidden folder or an environment, or one that a test of a plugin has made, is no part of the
    repository in which that lies.

    Args:
        root: The root folder, without links. What one that is called ``tests`` holds itself tells nothing.
        strangers: Folders in and above which it is not looked for.
    """
    start = root.parent if _is_tests_name(root.name) else root
    for folder in (start, *start.parents):
        if folder in strangers:
            return None
        if any((folder / mark).exists() for mark in _MARKS):
            return folder
        if folder.name in _ENVIRONMENTS or folder.name.startswith((".", "pytest-of-")):
            return None
    return None


def strangers() -> frozenset[Path]:
    """Return folders that are nobody's project, whatever lies in them: home, temporary files, the top."""
    try:
        import pwd

        home = pwd.getpwuid(os.getuid()).pw_dir  # a plugin's tests move HOME to the project that they make
    except (ImportError, KeyError):
        home = os.path.expanduser("~")  # noqa: PTH111  # the path stays as it is where there is no home
    return frozenset(Path(name).resolve() for name in (tempfile.gettempdir(), os.sep, home) if Path(name).is_absolute())


def is_in_environment(path: str) -> bool:
    """Tell whether a path, relative to a folder of the project, leads to what a tool has installed there."""
    return not _ENVIRONMENTS.isdisjoint(Path(path).parts[:-1])


def folders_of_tests(files: Iterable[str], grounds: tuple[str, ...]) -> tuple[str, ...]:
    """Return the folders whose modules are test code, each with a separator at its end.

    A folder is the tests' if tests or a conftest lie in it and it is called so. Its name has to say it, because
    modules beside their tests are a usual layout, and the project's modules must not be taken for the tests'.

    Args:
        files: Test modules and conftests, without links.
        grounds: What :func:`grounds_of` returned.
    """
    found: set[str] = set()
    for folder in {os.path.dirname(file) for file in files}:
        ground = max((one for one in grounds if (folder + os.sep).startswith(one)), key=len, default="")
        if not ground:
            continue
        names = Path((folder + os.sep)[len(ground) :]).parts
        theirs = {
            ground + os.sep.join(names[:depth]) + os.sep
            for depth, name in enumerate(names, start=1)
            if _is_tests_name(name) or (depth == len(names) and _TESTS_TOO.fullmatch(name.lower()))
        }
        # The root folder holds the project as well, unless that is known to lie elsewhere.
        if not theirs and ground == grounds[0] and len(grounds) > 1 and _is_tests_name(Path(ground).name):
            theirs = {ground}
        found |= theirs
    return tuple(sorted(found))


def _is_tests_name(name: str) -> bool:
    return name.lower() in _TESTS


def places_of(package: str) -> list[str]:
    """Return the folders of a package, each with a separator at its end, or the file of a module.

    Nothing, if it is unknown; at most the packages above it are imported.
    """
    try:
        spec = importlib.util.find_spec(package)
    except Exception:  # noqa: BLE001  # the package above it may raise anything; who asks for it is told elsewhere
        return []
    if not isinstance(spec, ModuleSpec):
        return []
    if spec.submodule_search_locations:
        return [os.path.realpath(folder) + os.sep for folder in spec.submodule_search_locations]
    return [os.path.realpath(spec.origin)] if spec.origin and spec.has_location else []


@functools.lru_cache(maxsize=8)
def editable_folders(site_folders: tuple[str, ...]) -> tuple[str, ...]:
    """Return the folders from which packages are installed in editable mode, each with a separator at its end.

    A few hundred small files are asked for; the answer is remembered for the process. Our own is not among them: where
    somebody works on this plugin, it is not the project of the tests that it disturbs.

    Args:
        site_folders: Folders with installed packages.
    """
    not_one = strangers()
    found = {Path(name).resolve() for folder in site_folders for name in _linked_from(folder)}
    return tuple(sorted(str(folder) + os.sep for folder in found if folder not in not_one))


def _linked_from(site_folder: str) -> Iterator[str]:
    try:
        entries = os.listdir(site_folder)  # noqa: PTH208  # names are all that is asked for
    except OSError:
        return
    for name in entries:
        path = os.path.join(site_folder, name)
        if _OURS.match(name):
            continue
        if name.endswith(".dist-info"):
            yield from _told_by(_read(os.path.join(path, "direct_url.json")))
        elif name.endswith(".egg-link"):  # from ``setup.py develop``: its first line
            yield from [line for line in _read(path).splitlines()[:1] if Path(line).is_absolute()]
        elif name.startswith("__editable__") and name.endswith(".pth"):  # from setuptools, whoever installed it
            yield from [line for line in _read(path).splitlines() if Path(line).is_absolute()]


def _told_by(direct_url: str) -> Iterator[str]:
    """Yield the folder of an editable install, from what ``direct_url.json`` says."""
    try:
        told = json.loads(direct_url or "{}")
        if told.get("dir_info", {}).get("editable") is True and told["url"].startswith("file:"):
            yield url2pathname(urlsplit(told["url"]).path)
    except (ValueError, KeyError, AttributeError):
        return  # whoever wrote it did not mean us


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  # hundreds, most of which are not there
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""
