"""DiskFull: a file is opened for writing, and what is written does not go to the disk any more."""

from __future__ import annotations

import errno
import io
import os
from dataclasses import dataclass
from types import BuiltinFunctionType
from typing import Any, ClassVar

from pytest_chaos.faults.base import Fault, FaultyCall, Kind

_MAKING = frozenset("wax")  # letters of the modes in which a file is made that is not there
_OPEN = (("_io", "open"), ("io", "open"))
_TEXT = "No space left on device"


@dataclass(frozen=True)
class DiskFull(Fault):
    """Open a file for writing, really, and refuse the first of its bytes that are to go to the disk.

    A file that was there is empty by then, as on a full disk. The error comes where the system calls the disk: where a
    buffer is full, at ``flush``, or when the file is closed. What is written to the file after that is lost without
    another error, until the fault is lifted.

    A call that opens a file for reading alone passes, and is no activation.
    """

    word: ClassVar[str] = "disk-full"
    acts_on_any_call = False
    why_it_passes: ClassVar[str] = "opened no file for writing"

    def act(self, call: FaultyCall) -> Any:
        __tracebackhide__ = True
        file = _opened(call)
        if file is None:
            call.withdraw()
            return call.proceed()
        return file

    def refusal(self, kind: Kind) -> str:
        return "" if kind == "function" else f"a {kind} opens no file; put the fault on builtins:open"


class FileIO(io.FileIO):
    """The part of a file that calls the disk. Whoever asks a file for its parts is shown the name that is always there.

    Args:
        call: The call that opens it.
        *args: As those of a ``FileIO``.
    """

    __module__ = io.FileIO.__module__

    def __init__(self, call: FaultyCall, *args: Any) -> None:
        super().__init__(*args)
        self._call = call
        self._has_refused = False

    def write(self, data: Any, /) -> int:
        """Write nothing, and say so the first time."""
        __tracebackhide__ = True
        if self._call.is_over():
            return super().write(data)
        if self._has_refused:
            return memoryview(data).nbytes
        self._has_refused = True
        raise self._call.injected(OSError(errno.ENOSPC, _TEXT))


def _opened(call: FaultyCall) -> Any:
    """Return a file that is as any other, but for the disk; ``None`` if that is not for us to open."""
    function = call.function
    if type(function) is not BuiltinFunctionType or (function.__module__, function.__name__) not in _OPEN:
        return None  # a double, or what another tool has put there
    args, named = call.arguments()
    names = ("file", "mode", "buffering", "encoding", "errors", "newline", "closefd", "opener")
    told = {**dict(zip(names, args, strict=False)), **named}
    mode = told.get("mode", "r")
    if not isinstance(mode, str) or _MAKING.isdisjoint(mode):
        return None
    with call.unseen():
        try:
            return _open(call, **told)
        except (LookupError, OSError, TypeError, ValueError):
            return None  # the real call will say so itself


def _open(
    call: FaultyCall,
    file: Any,
    mode: str,
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """Open a file as :func:`open` does, whose layers in C are all its own but for the lowest."""
    is_text = "b" not in mode
    if (buffering == 0 and is_text) or (not is_text and (encoding, errors, newline) != (None, None, None)):
        return None
    path = file if isinstance(file, int) else os.fspath(file)
    disk = FileIO(call, path, mode.replace("b", "").replace("t", ""), closefd, opener)
    try:
        is_by_line = buffering == 1 or (buffering < 0 and disk.isatty())
        size = buffering if buffering > 1 else _block_size(disk)
        layer: Any = disk
        if buffering != 0:
            layer = io.BufferedRandom(disk, size) if "+" in mode else io.BufferedWriter(disk, size)
        if is_text:
            layer = io.TextIOWrapper(layer, encoding, errors, newline, is_by_line)
            layer.mode = mode
    except BaseException:
        disk.close()
        raise
    return layer


def _block_size(disk: io.FileIO) -> int:
    size = getattr(os.fstat(disk.fileno()), "st_blksize", 0)
    return size if size > 1 else io.DEFAULT_BUFFER_SIZE
