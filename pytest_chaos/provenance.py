"""Whose code a frame belongs to: the project, its tests, the standard library, pytest, or an installed package.

Faults spare calls that pytest makes, contracts judge only what the test itself received, and leaks name the first
frame of the project: all of them ask here.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Literal

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
            "answers.py",
            "faults/alternating.py",
            "faults/cancelling.py",
            "faults/corrupting.py",
            "faults/delaying.py",
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
_INSTALLED_FOLDERS = ("site-packages", "dist-packages")
_RUNNER_PACKAGES = frozenset({"_pytest", "pluggy", "execnet", "xdist", "coverage", "hypothesis", "py"})
_OURS_TO_DISTURB: frozenset[Origin] = frozenset({"project", "test", "installed"})
_LOOK_PAST: frozenset[Origin] = frozenset({"stdlib", "generated", "passage"})

_CALLED_BY_NAME = frozenset({"__init__", "__call__", "__enter__", "__exit__", "__aenter__", "__aexit__"})

# asyncio calls callbacks from here on behalf of whoever scheduled them, not of whoever runs the loop.
_ASYNCIO_EVENTS = os.path.join("asyncio", "events.py")


class Provenance:
    """Tells the origin of code, remembered per file.

    Args:
        root: The project's root folder.
        packages: Names of packages that are the project, instead of everything under ``root``.
        test_files: Files that hold collected tests.
        plugin_files: Files of pytest plugins; those under ``root`` count as the project.
    """

    def __init__(
        self,
        root: Path,
        *,
        packages: Iterable[str] = (),
        test_files: Iterable[str] = (),
        plugin_files: Iterable[str] = (),
    ) -> None:
        self._root = str(root.resolve()) + os.sep
        self._packages = tuple(packages)
        self._folders: tuple[str, ...] | None = None
        self._test_files = {os.path.realpath(name) for name in test_files}
        self._plugin_files = {os.path.realpath(name) for name in plugin_files}
        self._by_file: dict[str, Origin] = {}
        self._short: dict[str, str] = {}

    def learn(self, *, test_files: Iterable[str] = (), plugin_files: Iterable[str] = ()) -> None:
        """Take in files that became known after the session began.

        Args:
            test_files: Files that hold collected tests.
            plugin_files: Files of pytest plugins.
        """
        self._test_files |= {os.path.realpath(name) for name in test_files}
        self._plugin_files |= {os.path.realpath(name) for name in plugin_files}
        self._by_file.clear()

    def of_file(self, filename: str) -> Origin:
        """Return the origin of a code object's file name."""
        known = self._by_file.get(filename)
        if known is None:
            known = self._by_file[filename] = self._classify(filename)
        return known

    def of_frame(self, frame: FrameType) -> Origin:
        """Return the origin of a running frame."""
        return self._of(frame.f_code, frame.f_globals.get("__name__", ""))

    def _of(self, code: CodeType, module: str) -> Origin:
        origin = self.of_file(code.co_filename)
        if self._packages and origin in ("project", "installed"):
            inside = any(module == name or module.startswith(name + ".") for name in self._packages)
            return "project" if inside else "installed"
        return origin

    def _is_in_packages(self, real: str) -> bool:
        """Tell whether a file belongs to the packages that are the project."""
        if self._folders is None:
            self._folders = tuple(place for name in self._packages for place in _places_of(name))
        return real.startswith(self._folders)

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
        return known

    def place(self, code: CodeType, line: int | None) -> Place:
        """Return a line of a function, or where it begins if the line is not known."""
        return Place(self.shorten(code.co_filename), line or code.co_firstlineno, code.co_qualname)

    def _shortened(self, filename: str) -> str:
        real = os.path.realpath(filename)
        folders = sorted((self._root, *_STDLIB, *_INSTALLED), key=len, reverse=True)
        folder = next((folder for folder in folders if real.startswith(folder)), "")
        return real[len(folder) :] if folder else filename

    def _is_test(self, real: str) -> bool:
        return real in self._test_files or os.path.basename(real) == "conftest.py"

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
        if self._packages and self._is_in_packages(real):
            return "test" if self._is_test(real) else "project"  # tests may lie in the package that they test
        if origin is not None:
            return "pytest" if origin == "installed" and real in self._plugin_files else origin
        if not Path(filename).is_absolute() and not Path(real).exists():
            return "installed"  # compiled elsewhere: Cython keeps the names that its sources had there
        if self._is_test(real):
            return "test"
        if real.startswith(self._root):
            return "project"
        return "pytest" if real in self._plugin_files else "installed"


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


def _places_of(package: str) -> list[str]:
    """Return the folders of a package, or the file of a module, importing at most the packages above it."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError, AttributeError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations:
        return [os.path.realpath(folder) + os.sep for folder in spec.submodule_search_locations]
    return [os.path.realpath(spec.origin)] if spec.origin else []


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
    if not any(folder in filename for folder in _INSTALLED_FOLDERS):
        return ""
    parts = Path(filename).parts
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] in _INSTALLED_FOLDERS:
            return parts[index + 1].removesuffix(".py")
    return ""
