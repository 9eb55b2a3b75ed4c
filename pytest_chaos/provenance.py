"""Whose code a frame belongs to: the project, its tests, the standard library, pytest, or an installed package.

Faults spare calls that pytest makes, contracts judge only what the test itself received, and leaks name the first
frame of the project: all of them ask here.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Literal

from pytest_chaos.roots import (
    INSTALLED_FOLDERS,
    editable_folders,
    folders_of_tests,
    grounds_of,
    is_in_environment,
    places_of,
)

Origin = Literal["project", "test", "stdlib", "import", "generated", "pytest", "passage", "chaos", "installed"]


@dataclass(frozen=True)
class Place:
    """A line of a function, as reports name it.

    Attributes:
        path: File, as :meth:`Provenance.shorten` shows it.
        line: Line, from 1.
        function: Qualified name of the function.
    """

    path: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.at} {self.function}"

    @property
    def at(self) -> str:
        """``path:line``."""
        return f"{self.path}:{self.line}"

    @property
    def told(self) -> str:
        """``path:line in function``, for the middle of a sentence."""
        return f"{self.at} in {self.function}"


_OWN_FOLDER = str(Path(__file__).resolve().parent) + os.sep
# A call that a fault lets through runs inside these frames of ours: to everybody else they are not there.
_PASSAGE = (
    "<pytest-chaos ",
    *(
        _OWN_FOLDER + name.replace("/", os.sep)
        for name in (
            "answers/watching.py",
            "faults/alternating.py",
            "faults/answering.py",
            "faults/cancelling.py",
            "faults/corrupting.py",
            "faults/delaying.py",
            "faults/filling.py",
            "faults/hanging.py",
            "faults/raising.py",
            "faults/replying.py",
            "injector/adapters",
            "injector/attribute.py",
            "injector/call.py",
            "injector/hook.py",
            "injector/iteration.py",
            "injector/passage.py",
            "injector/proxies.py",
            "injector/remembering.py",
            "injector/returned.py",
            "injector/sources.py",
            "injector/strike.py",
            "replies",
            "resources/tap.py",
            "resources/taps.py",
        )
    ),
)
_ANSWER = (_OWN_FOLDER + os.path.join("injector", "hook.py"), "take")  # what spliced code calls for its answer
_STDLIB = tuple(
    {os.path.realpath(path) + os.sep for name in ("stdlib", "platstdlib") if (path := sysconfig.get_path(name))}
    | {path + os.sep for name in ("stdlib", "platstdlib") if (path := sysconfig.get_path(name))}
)
_INSTALLED = tuple(
    {os.path.realpath(path) + os.sep for name in ("purelib", "platlib") if (path := sysconfig.get_path(name))}
)
_RUNNER_PACKAGES = frozenset({"_pytest", "pluggy", "execnet", "xdist", "coverage", "hypothesis", "py"})
_OURS_TO_DISTURB: frozenset[Origin] = frozenset({"project", "test", "installed"})
_LOOK_PAST: frozenset[Origin] = frozenset({"stdlib", "generated", "passage"})

_CALLED_BY_NAME = frozenset({"__init__", "__call__", "__enter__", "__exit__", "__aenter__", "__aexit__"})

# asyncio calls callbacks from here on behalf of whoever scheduled them, not of whoever runs the loop.
_ASYNCIO_EVENTS = os.path.join("asyncio", "events.py")


class Provenance:
    """Tells the origin of code, remembered per file.

    The project is what lies in the root folder and in the repository around it, what is installed in editable mode,
    and the packages that the user's targets name; test code is not.

    Args:
        root: The project's root folder.
        packages: Names of packages that are the project, instead of all of that.
        test_files: Files that hold collected tests.
        plugin_files: Files of pytest plugins; those in the repository count as the project.
    """

    def __init__(
        self,
        root: Path,
        *,
        packages: Iterable[str] = (),
        test_files: Iterable[str] = (),
        plugin_files: Iterable[str] = (),
    ) -> None:
        self._root = root
        self._packages = tuple(packages)
        self._test_files = _real_names(test_files)
        self._fixture_files: set[str] = set()
        self._plugin_files = _real_names(plugin_files)
        self._named: set[str] = set()
        self._swept: set[str] = set()
        self._by_file: dict[str, Origin] = {}
        self._short: dict[str, str] = {}
        self._whole: dict[str, str] = {}
        self._known_lie: _Lie | None = None

    def learn(
        self,
        *,
        test_files: Iterable[str] = (),
        fixture_files: Iterable[str] = (),
        plugin_files: Iterable[str] = (),
        named: Iterable[str] = (),
        swept: Iterable[str] = (),
    ) -> None:
        """Take in what became known after the session began.

        Args:
            test_files: Files that hold collected tests.
            fixture_files: Files of modules that tests name in ``pytest_plugins``; in the repository they are test code.
            plugin_files: Files of pytest plugins.
            named: Packages in which targets of the user's are; an installed one does not become the project for that.
            swept: Packages that the user has searched as a whole, and so the project wherever they are installed.
        """
        self._test_files |= _real_names(test_files)
        self._fixture_files |= _real_names(fixture_files)
        self._plugin_files |= _real_names(plugin_files)
        self._named.update(named)
        self._swept.update(swept)
        self._by_file.clear()
        self._short.clear()
        self._known_lie = None

    def of_file(self, filename: str) -> Origin:
        """Return the origin of a code object's file name."""
        known = self._by_file.get(filename)
        if known is None:
            known = self._by_file[filename] = self._classify(filename)
        return known

    def of_frame(self, frame: FrameType) -> Origin:
        """Return the origin of a running frame."""
        return self._of(frame.f_code.co_filename, frame.f_globals.get("__name__", ""))

    def of_class(self, kind: type) -> Origin | None:
        """Return the origin of a class, or ``None`` where its module is not known."""
        name = kind.__module__
        filename = getattr(sys.modules.get(name), "__file__", None)
        return self._of(filename, name) if isinstance(filename, str) else None

    def _of(self, filename: str, module: str) -> Origin:
        origin = self.of_file(filename)
        if self._packages and origin in ("project", "installed"):
            inside = any(module == name or module.startswith(name + ".") for name in self._packages)
            return "project" if inside else "installed"
        return origin

    @property
    def _lie(self) -> _Lie:
        """How the project lies on the disk: looked up when the first file is asked about."""
        if self._known_lie is None:
            grounds = grounds_of(self._root)
            conftests = {name for name in self._plugin_files if _is_conftest(name)}
            tests = folders_of_tests(self._test_files | conftests, grounds)
            if self._packages:
                self._known_lie = _Lie(grounds, (), _all_places(self._packages), (), tests)
            else:
                named = tuple(place for place in _all_places(self._named) if not _installed_package(place))
                self._known_lie = _Lie(grounds, _editable(), _all_places(self._swept), named, tests)
        return self._known_lie

    def is_disturbable(self, frame: FrameType | None) -> bool:
        """Tell whether a call made from this frame may meet a fault.

        The nearest caller outside the standard library decides. A callback that asyncio runs has no such caller, nor
        has the first function of a thread: both may be disturbed.
        """
        known = self._by_file.get
        while frame is not None:
            code = frame.f_code
            origin = known(code.co_filename) or self.of_file(code.co_filename)
            if origin in _OURS_TO_DISTURB:
                return True
            if origin not in _LOOK_PAST:
                return False
            if code.co_name == "_run" and code.co_filename.endswith(_ASYNCIO_EVENTS):
                return True
            frame = frame.f_back
        return True

    def may_serve_the_runner(self, filename: str, name: str) -> bool:
        """Tell whether pytest's side may call a function, so that each caller has to be looked at.

        The standard library's functions are called by everybody, and so are the methods behind ``repr``, ``==`` and
        their like, which pytest calls where it explains a failed assertion.

        Args:
            filename: Of the module that the function belongs to; empty for one that has none.
            name: The function's name.
        """
        if name.startswith("__") and name not in _CALLED_BY_NAME:
            return True
        return not filename or self.of_file(filename) not in ("project", "test", "installed")

    def is_driver_call(self, frame: FrameType | None) -> bool:
        """Tell whether a call from this frame is the test's own: no project frame between it and the test."""
        for outer in frames_from(frame):
            origin = self.of_frame(outer)
            if origin == "test":
                return True
            if origin == "project":
                return False
        return True

    def own_stack(self, frame: FrameType | None) -> Iterator[tuple[FrameType, Origin]]:
        """Yield the frames behind a call with their origins, innermost first, the first one of the test being the last.

        What is further out than a task does not belong to it: that frame runs the event loop.
        """
        for outer in frames_from(frame):
            origin = self.of_frame(outer)
            yield outer, origin
            code = outer.f_code
            if origin == "test" or (code.co_name == "_run" and code.co_filename.endswith(_ASYNCIO_EVENTS)):
                return

    def first_project_frame(self, frame: FrameType | None) -> FrameType | None:
        """Return the innermost frame of the project, or ``None``."""
        return next((outer for outer in frames_from(frame) if self.of_frame(outer) == "project"), None)

    def shorten(self, filename: str) -> str:
        """Return a file name as reports show it: below the project, the standard library or installed packages."""
        known = self._short.get(filename)
        if known is None:
            known = self._short[filename] = self._shortened(filename)
            self._whole.setdefault(known, filename)
        return known

    def whole(self, path: str) -> str:
        """Return the file name of a path that :meth:`shorten` returned, or the path itself if it did not."""
        return self._whole.get(path, path)

    def place(self, code: CodeType, line: int | None) -> Place:
        """Return a line of a function, or where it begins if the line is not known."""
        return Place(self.shorten(code.co_filename), line or code.co_firstlineno, code.co_qualname)

    def _shortened(self, filename: str) -> str:
        if filename.startswith("<"):
            return filename
        real, lie = os.path.realpath(filename), self._lie
        folder = _deepest(real, (lie.grounds[0], *_STDLIB, *_INSTALLED))
        if not folder and _deepest(real, lie.grounds):
            return os.path.relpath(real, lie.grounds[0])
        folder = folder or _deepest(real, lie.checkouts)
        if not folder and (package := _deepest(real, lie.claims)):
            folder = os.path.join(os.path.dirname(package.rstrip(os.sep)), "")
        return real[len(folder) :] if folder else filename

    def _is_test(self, real: str) -> bool:
        if real in self._test_files or _is_conftest(real):
            return True
        lie = self._lie
        if real in self._fixture_files and _is_below(real, lie.grounds):
            return True
        tests = _deepest(real, lie.tests)
        return bool(tests) and len(_deepest(real, lie.claims)) <= len(tests)

    def _classify(self, filename: str) -> Origin:
        if filename.startswith("<"):
            if filename.startswith(_PASSAGE):
                return "passage"
            if filename.startswith("<frozen importlib"):
                return "import"
            return "stdlib" if filename.startswith("<frozen ") else "generated"
        # A relative name depends on the folder of the moment.
        real = _real(filename) if filename.startswith(os.sep) else os.path.realpath(filename)
        origin = _settled(filename, real)
        if origin in ("passage", "chaos"):
            return origin
        if (self._packages or origin == "installed") and _is_below(real, self._lie.claimed):
            return "test" if self._is_test(real) else "project"  # tests may lie in the package that they test
        if origin == "installed" and real in self._test_files:
            return "test"  # as with ``--pyargs``
        if origin is not None:
            return "pytest" if origin == "installed" and real in self._plugin_files else origin
        if not Path(filename).is_absolute() and not Path(real).exists():
            return "installed"  # compiled elsewhere: Cython keeps the names that its sources had there
        if self._is_test(real):
            return "test"
        if _is_below(real, self._lie.grounds):
            return "project"
        if real in self._plugin_files:
            return "pytest"
        return "project" if _is_below(real, self._lie.claims) else "installed"


@dataclass(frozen=True)
class _Lie:
    """How the project lies on the disk; each folder has a separator at its end.

    Attributes:
        grounds: The root folder, and what it is a part of.
        checkouts: Folders from which packages are installed in editable mode.
        packages: Folders and files of packages that are the project wherever they are.
        named: The same, of packages that are so where they are not installed.
        tests: Folders whose modules are test code.
    """

    grounds: tuple[str, ...]
    checkouts: tuple[str, ...]
    packages: tuple[str, ...]
    named: tuple[str, ...]
    tests: tuple[str, ...]

    @functools.cached_property
    def claimed(self) -> tuple[str, ...]:
        """What is the project wherever it is."""
        return (*self.checkouts, *self.packages)

    @functools.cached_property
    def claims(self) -> tuple[str, ...]:
        """All that the user targeted or installed in editable mode."""
        return (*self.claimed, *self.named)


def _deepest(real: str, places: Iterable[str]) -> str:
    """Return the longest of the places that a file lies in, or an empty text."""
    return max((place for place in places if real.startswith(place)), key=len, default="")


def _is_below(real: str, places: Iterable[str]) -> bool:
    """Tell whether a file belongs to one of the places, and not to what is installed there."""
    return any(real.startswith(place) and not is_in_environment(real[len(place) :]) for place in places)


def _all_places(packages: Iterable[str]) -> tuple[str, ...]:
    return tuple(place for name in sorted(packages) if not is_stdlib_module(name) for place in places_of(name))


def _editable() -> tuple[str, ...]:
    sites = dict.fromkeys(path for path in sys.path if os.path.basename(path) in INSTALLED_FOLDERS)
    return editable_folders(tuple(sites))


def _real_names(names: Iterable[str]) -> set[str]:
    return {os.path.realpath(name) for name in names}


def _is_conftest(real: str) -> bool:
    return os.path.basename(real) == "conftest.py"


def function_name(code: CodeType, module: Mapping[str, Any]) -> str:
    """Return the full name of a function, ``module:qualname``, by its code and the globals of its module."""
    return f"{module.get('__name__', '')}:{code.co_qualname}"


def frames_from(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame and its callers, innermost first, without the frame in which a spliced function is answered."""
    while frame is not None:
        yield frame
        code = frame.f_code
        frame = frame.f_back
        if frame is not None and (code.co_filename, code.co_name) == _ANSWER:
            frame = frame.f_back


def caller_frame(frame: FrameType | None) -> FrameType | None:
    """Return the nearest frame that is not a passage of ours, or ``None``."""
    return next((one for one in frames_from(frame) if not one.f_code.co_filename.startswith(_PASSAGE)), None)


def caller_module(frame: FrameType | None) -> str:
    """Return the module name of the nearest frame that is not a passage of ours."""
    caller = caller_frame(frame)
    return "" if caller is None else str(caller.f_globals.get("__name__", ""))


def is_stdlib_module(name: str) -> bool:
    """Tell whether a module name belongs to the standard library."""
    return name.partition(".")[0] in sys.stdlib_module_names


# What follows is remembered for the process: its sessions, one in a worker and many in a plugin's own tests, ask it of
# the same thousand files.


@functools.lru_cache(maxsize=16_384)
def _real(filename: str) -> str:
    """Return an absolute file name without links, as ``os.path.realpath`` does, looking at each folder once."""
    folder, name = os.path.split(filename)
    real = os.path.join(_real_folder(folder), name)
    return os.path.realpath(real) if os.path.islink(real) else real  # noqa: PTH114


_real_folder = functools.lru_cache(maxsize=4_096)(os.path.realpath)


@functools.lru_cache(maxsize=16_384)
def _settled(filename: str, real: str) -> Origin | None:
    """Return where a file belongs in whatever project, or ``None`` if that is for the project to say."""
    if real.startswith(_OWN_FOLDER) or filename.startswith(_OWN_FOLDER):
        return "passage" if real.startswith(_PASSAGE) else "chaos"
    installed = _installed_package(real) or _installed_package(filename)
    if installed:
        return "pytest" if installed.startswith("pytest") or installed in _RUNNER_PACKAGES else "installed"
    if real.startswith(_STDLIB) or filename.startswith(_STDLIB):
        return "import" if f"{os.sep}importlib{os.sep}" in real else "stdlib"
    return None


def _installed_package(filename: str) -> str:
    """Return the top-level name below an installed-packages folder, without suffix, or an empty text."""
    if not any(folder in filename for folder in INSTALLED_FOLDERS):
        return ""
    parts = Path(filename).parts
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] in INSTALLED_FOLDERS:
            return parts[index + 1].removesuffix(".py")
    return ""
