"""Files that the project writes while a body runs: what was in them before, and what is in them in the end."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Protocol

from pytest_chaos.provenance import Place, Provenance, frames_from
from pytest_chaos.resources.births import Entry

_LARGEST = 1_000_000  # bytes of a file that are compared; of larger ones it is only told whether they are empty
_MOST = 200  # files that are followed in one run
_LOOK_PAST = ("stdlib", "generated", "passage", "chaos")


@dataclass(frozen=True)
class Content:
    """What is in a file.

    Attributes:
        size: In bytes.
        data: The bytes; ``None`` of a large file.
    """

    size: int
    data: bytes | None

    def is_cut_off(self, whole: Content) -> bool:
        """Tell whether this is nothing, or the beginning, of what another one is."""
        if self.size >= whole.size:
            return False
        if not self.size:
            return True
        return self.data is not None and whole.data is not None and whole.data.startswith(self.data)


@dataclass(frozen=True)
class FileSeen:
    """A file that the project opened for writing.

    Attributes:
        name: Its path, as dependencies are named: ``<tmp>/x`` below a temporary folder.
        place: The line of the project that opened it first.
        function: Name of its function, as the ways of errors name it.
        before: What was in it before; ``None`` if it was not there.
        after: What is in it after the teardown; ``None`` if it is not there.
        is_rewritten: Whether it was opened to be written anew; else what was there is kept.
        entry: The test's call in which it was opened first, where that is known.
    """

    name: str
    place: Place
    function: str
    before: Content | None
    after: Content | None
    is_rewritten: bool
    entry: Entry | None = None


class SeenCall(Protocol):
    """A call of ``open``."""

    def told(self) -> tuple[tuple[Any, ...], Any]:
        """Positional arguments, and all by name."""


class Files:
    """Follows the files that the project opens for writing in one run.

    Args:
        provenance: Tells whose code opens one.
        name_of: Names a path so that it is the same in each run.
        entry_of: Tells the test's call in which a frame runs.
    """

    def __init__(
        self,
        provenance: Provenance,
        name_of: Callable[[str], str],
        entry_of: Callable[[FrameType], tuple[Entry, CodeType] | None],
    ) -> None:
        self._provenance = provenance
        self._name_of = name_of
        self._entry_of = entry_of
        self._opened: dict[str, tuple[Place, str, Content | None, bool, Entry | None]] = {}

    def opened(self, point: str, frame: FrameType | None, actor: str, call: SeenCall) -> None:
        """Note a call of ``open`` that is about to be made."""
        args, named = call.told()
        mode = named.get("mode", args[1] if len(args) > 1 else "r")
        if isinstance(mode, str) and not {"w", "x", "a", "+"}.isdisjoint(mode):
            self._note(named.get("file", args[0] if args else None), frame, "w" in mode or "x" in mode)

    def created(self, path: Any, frame: FrameType | None) -> None:
        """Note a file that was made just now, and was not there before."""
        self._note(path, frame, is_rewritten=True, is_new=True)

    def _note(self, path: Any, frame: FrameType | None, is_rewritten: bool, *, is_new: bool = False) -> None:
        opener = self._opener(frame)
        if opener is None or not isinstance(path, str | bytes | os.PathLike):
            return
        full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  # of pathlib's, which the system may replace
        if full in self._opened or len(self._opened) >= _MOST or os.path.isdir(full):  # noqa: PTH112  # likewise
            return
        function = opener.f_code.co_qualname.rpartition("<locals>.")[2]
        place = self._provenance.place(opener.f_code, opener.f_lineno)
        entry = self._entry_of(opener)
        before = None if is_new else _content(full)
        self._opened[full] = place, function, before, is_rewritten, None if entry is None else entry[0]

    def _opener(self, frame: FrameType | None) -> FrameType | None:
        """Return the frame of the project that opens a file, if no library and no test does."""
        for outer in frames_from(frame):
            origin = self._provenance.of_frame(outer)
            if origin not in _LOOK_PAST:
                return outer if origin == "project" else None
        return None

    def seen(self) -> tuple[FileSeen, ...]:
        """Return what has become of the files; after the teardown of the test."""
        return tuple(
            FileSeen(self._name_of(path), place, function, before, _content(path), is_rewritten, entry)
            for path, (place, function, before, is_rewritten, entry) in self._opened.items()
        )


def _content(path: str) -> Content | None:
    """Return what is in a file; ``None`` where there is none, or none that can be read."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > _LARGEST:
            return Content(status.st_size, None)
        data = os.read(number, _LARGEST)
        return Content(len(data), data)
    except OSError:
        return None
    finally:
        os.close(number)
