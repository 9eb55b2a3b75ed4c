"""File descriptors that were left open: files, sockets and pipes; and those that were dropped without being closed."""

from __future__ import annotations

import dataclasses
import functools
import gc
import io
import os
import re
import socket
import stat
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pytest_chaos import compat
from pytest_chaos.resources import tap, taps
from pytest_chaos.resources.births import Birth, Births, Mine, Owner, is_fixture
from pytest_chaos.resources.holders import Holders, live
from pytest_chaos.resources.leftovers import GRACE_S, Leftover, leftover, made_by, poll
from pytest_chaos.resources.loops import Loops
from pytest_chaos.resources.whose import is_made_by_own

_FOLDER = "/proc/self/fd"

Identity = tuple[int, int]
"""Device and inode: with them a number that was closed and given out again is told from the old one."""


class Descriptor(NamedTuple):
    """An open descriptor."""

    number: int
    identity: Identity


class Before(NamedTuple):
    """The descriptors that were there, and how many had been found dropped."""

    numbers: dict[int, Identity]
    dropped: int


_NOTHING: Mapping[int, Identity] = {}


def open_descriptors(known: Mapping[int, Identity] = _NOTHING) -> dict[int, Identity]:
    """Return the open descriptors; nothing where the system does not list them.

    Args:
        known: What they are, if the numbers are still those.
    """
    found: dict[int, Identity] = {}
    fstat = os.fstat
    try:
        names = os.listdir(_FOLDER)  # noqa: PTH208  # pathlib would double what a clean test pays
    except OSError:
        return found
    numbers = list(map(int, names))
    # One more is listed, in which they are read.
    if known and len(numbers) == len(known) + 1 and known.keys() <= set(numbers):
        return dict(known)
    for number in numbers:
        try:
            found[number] = fstat(number)[1:3]  # inode and device
        except OSError:  # the listing's own
            continue
    return found


class Descriptors:
    """Descriptors of this process.

    A socket is the project's or the test's if one of them made it with no library between: what libraries open, they
    also keep, in pools. So is a plain number, of ``os.open`` or ``os.dup``, wherever the file lies. Of a file object
    nobody sees the making; who keeps it tells whose it is. Of a number that no tap of ours has seen only the path is
    known: what lies in the project is told, everything else may be the data of a C library.

    Args:
        births: Who made what.
        loops: The loops in use; what they need is theirs.
        grace_s: How long descriptors may take to be closed, in seconds.
    """

    def __init__(self, births: Births, loops: Loops, grace_s: float = GRACE_S) -> None:
        self._births = births
        self._loops = loops
        self.grace_s = grace_s
        self._sockets: dict[int, tuple[weakref.ref[socket.socket], Birth]] = {}
        self._opened: dict[int, tuple[Identity, Birth]] = {}  # as plain numbers; the last one of each number
        self._owned: dict[Descriptor, Birth] = {}  # what appeared while a wider fixture was set up
        self._before_fixture: dict[int, Identity] = {}
        self._dropped: list[tuple[Birth | None, Leftover]] = []
        self._last: dict[int, Identity] = {}
        self._ear = taps.EarForUnclosed(self._hear)
        self._is_collecting = self._collects_itself = False
        self._undo: Callable[[], None] = lambda: None

    def open(self) -> None:
        """Begin to see sockets and plain numbers being made."""
        self._undo = tap.all_of(taps.hear_of_sockets(self._socket_made), taps.hear_of_descriptors(self._number_made))
        gc.callbacks.append(self._note_collection)

    def close(self) -> None:
        """Stop, and forget what was found."""
        self._undo()
        self._undo = lambda: None
        self._ear.leave()
        if self._note_collection in gc.callbacks:
            gc.callbacks.remove(self._note_collection)
        self._sockets.clear()
        self._opened.clear()
        self._owned.clear()
        self._dropped.clear()
        self._last = {}

    def snapshot(self) -> Before:
        """Return what is open now."""
        self._ear.come_first()
        numbers, self._last = open_descriptors(self._last), {}
        # A number may come again with the same file, and then be somebody else's.
        for number in [number for number, known in self._opened.items() if numbers.get(number) != known[0]]:
            self._opened.pop(number, None)
        for one in [one for one in self._owned if numbers.get(one.number) != one.identity]:
            self._owned.pop(one, None)
        return Before(numbers, len(self._dropped))

    def left(self, before: Before, mine: Mine) -> list[Leftover]:
        """Return what was left."""
        left: list[Leftover] = []
        now = self._last = open_descriptors()
        if now != before.numbers:
            new = [Descriptor(*one) for one in now.items() if before.numbers.get(one[0]) != one[1]]
            new = [one for one in new if self._may_leak(one, mine)]
            if new:
                left = self._look_closely(new)
        return [found for birth, found in self._dropped[before.dropped :] if mine(birth)] + left

    def forget_last(self) -> None:
        """What was open after the last run is not what is open before the next one: something else comes between."""
        self._last = {}

    def owner_changes(self, before: Owner, after: Owner) -> None:
        """Note what a wider fixture opened while it was set up."""
        if not (is_fixture(before) or is_fixture(after)):
            return
        now = open_descriptors()
        if is_fixture(before):
            for number, identity in now.items():
                if self._before_fixture.get(number) != identity:
                    self._owned[Descriptor(number, identity)] = Birth(before, ())
        self._before_fixture = now

    # --- births

    def _socket_made(self, made: socket.socket) -> None:
        self._sockets[made.fileno()] = (weakref.ref(made), self._births.note(made))

    def _number_made(self, number: int) -> None:
        self._opened[number] = os.fstat(number)[1:3], self._births.here()

    def _opener(self, one: Descriptor) -> Birth | None:
        """Return who opened a descriptor as a plain number."""
        identity, birth = self._opened.get(one.number, (None, None))
        return birth if identity == one.identity else None

    def _birth(self, one: Descriptor) -> Birth | None:
        known = self._sockets.get(one.number)
        if known is not None:
            made = known[0]()
            if made is not None and made.fileno() == one.number:
                return known[1]
        return self._opener(one) or self._owned.get(one)

    def _is_own(self, birth: Birth | None) -> bool:
        """Tell whether the project or the test made something, and the standard library not for itself."""
        provenance = self._births.provenance
        if birth is None or not is_made_by_own(birth, provenance):
            return False
        for code, _ in birth.site:
            origin = provenance.of_file(code.co_filename)
            if origin in ("project", "test"):
                return True
            if origin == "stdlib" and any(name in code.co_filename for name in _MACHINERY):
                return False
        return False

    # --- what is left

    def _may_leak(self, one: Descriptor, mine: Mine) -> bool:
        """Tell what can be told without looking through all objects."""
        target = _target(one.number)
        form, _, _ = target.partition(":")
        birth = self._birth(one)
        if not mine(birth):
            return False
        if any(one.number in compat.descriptors_of_loop(loop) for loop in self._loops.open()):
            return False
        if form == "socket":
            # One that no Python socket stands for is a C library's.
            return self._is_own(birth)
        if form == "pipe":
            if compat.is_pipe_of_foreign_loops(one.number):
                return False
            return one.number not in compat.descriptors_of_multiprocessing()
        return target.startswith("/") and not target.startswith(_SYSTEMS)

    def _look_closely(self, new: list[Descriptor]) -> list[Leftover]:
        """Tell what of this is left in the end."""
        # A cycle that nobody refers to is dropped, and not left; most are young.
        new = self._still_open(new, _YOUNG)
        if not new:
            return []
        owners = _Owners({one.number for one in new})
        new = [one for one in new if not self._is_kept_by_machinery(one, owners)]
        names = owners.modes()
        owners.let_go()  # nothing is held while somebody else may let it go
        if new:
            new = self._still_open(new, _ALL)
        return [self._leftover(one, names.get(one.number, "")) for one in poll(new, _is_open, self.grace_s)]

    def _still_open(self, new: list[Descriptor], generation: int) -> list[Descriptor]:
        """Return those that are open once garbage has been collected."""
        self._collects_itself = True
        try:
            gc.collect(generation)
        finally:
            self._collects_itself = False
        return [one for one in new if _is_open(one)]

    def _is_kept_by_machinery(self, one: Descriptor, owners: _Owners) -> bool:
        holders = Holders(self._births.provenance)
        known = self._sockets.get(one.number)
        if _target(one.number).startswith("socket:") and known is not None:
            made = known[0]()
            return made is not None and holders.is_kept_elsewhere(made, is_made_by_own=True)
        owner = owners.of(one.number)
        if owner is not None:
            return holders.is_kept_elsewhere(owner)
        opened = self._opener(one)
        if opened is not None:
            return not self._is_own(opened)
        if _target(one.number).startswith("pipe:") and compat.foreign_loop_class() is not None:
            return True  # a loop made in C has pipes of its own, one of them for each loop that is told of signals
        path = _path(one.number)
        if path.endswith(_BESIDE_DATABASES):
            return True  # the database's own descriptor tells
        if path.startswith("/") and self._births.provenance.of_file(path) in ("installed", "stdlib", "pytest"):
            return True  # perhaps a library's data
        connections = owners.connections if _may_be_database(one.number) else []
        return any(holders.is_kept_elsewhere(connection) for connection in connections)

    def _leftover(self, one: Descriptor, mode: str) -> Leftover:
        open_ = _described(one.number)
        birth = self._birth(one)
        verb = "made" if self._opener(one) is None else "opened"
        told = leftover(self._births, "file-descriptor", open_.form, birth, verb=verb)
        maker = made_by(self._births, birth, verb)
        fingerprint = told.fingerprint if maker else open_.fingerprint
        text = f"{open_.what}{mode}, descriptor {one.number}{f',{maker}' if maker else ''}"
        if not maker and birth is not None:
            text += f", opened for {birth.owner.name}"
        return dataclasses.replace(told, text=f"{text}; still open", fingerprint=fingerprint)

    # --- what is dropped

    def _note_collection(self, phase: str, info: dict[str, int]) -> None:
        self._is_collecting = phase == "start"

    def _hear(self, text: str) -> None:
        """Note what is dropped open: the interpreter closes it, at a time that nobody has chosen."""
        if self._is_collecting and not self._collects_itself:
            return  # the collector came by: neither the place nor the moment tells anything
        what = text.removeprefix("unclosed ")
        number = _SOCKET_NUMBER.search(what)
        verb, names = "dropped open", (what,)
        if number is not None:
            known = self._sockets.get(int(number[1]))
            if known is None or not self._is_own(known[1]):
                return
            birth: Birth | None = known[1]
            form, what, verb = "socket", "socket dropped open,", "made"
        elif what.startswith("file "):
            name = _FILE_NAME.search(what)
            form, what = "file", f"file {name[1]}" if name else what
            names = (name[1].strip("'\"") if name else what,)
            birth = None if self._is_collecting else self._births.here()
            if birth is not None and not is_made_by_own(birth, self._births.provenance):
                return
            if birth is None:
                what += " dropped open, in a cycle"
        else:
            return
        told = leftover(self._births, "file-descriptor", what, birth, verb=verb, is_note=True)
        fingerprint = told.fingerprint if birth is not None else Described(form, what, names).fingerprint
        self._dropped.append((birth, dataclasses.replace(told, fingerprint=f"{fingerprint} {form} dropped")))


_YOUNG, _ALL = 1, 2  # generations of the collector; to search all objects takes a hundred times as long

_FILE_NAME = re.compile(r"name=('.*?'|\".*?\"|\d+)")
_SOCKET_NUMBER = re.compile(r"^<.* fd=(\d+), family=")
# What the standard library makes for itself: a loop's self-pipe, a manager's connections.
_MACHINERY = tuple(f"{os.sep}{name}{os.sep}" for name in ("asyncio", "concurrent", "logging", "multiprocessing"))
# What belongs to the system, and is kept by C libraries until the process ends.
_SYSTEMS = (
    *("/dev/null", "/dev/ptmx", "/dev/pts", "/dev/tty", "/dev/random", "/dev/urandom"),
    *("/memfd:", "/proc/", "/sys/"),
)
_BESIDE_DATABASES = ("-wal", "-shm", "-journal")
_DATABASE = b"SQLite format 3\0"
# include/net/tcp_states.h
_STATES = (
    *("", "established", "SYN sent", "SYN received", "FIN sent", "FIN sent", "time wait", "not connected"),
    *("closed by the other side", "closing", "listening", "closing"),
)


def _is_open(one: Descriptor) -> bool:
    try:
        return os.fstat(one.number)[1:3] == one.identity
    except OSError:
        return False


def _target(number: int) -> str:
    try:
        return os.readlink(f"{_FOLDER}/{number}")  # noqa: PTH115  # no pathlib here: it imports
    except OSError:
        return ""


def _path(number: int) -> str:
    return _target(number).removesuffix(" (deleted)")


class _Owners:
    """The Python objects that will close descriptors: files, and connections of multiprocessing and of sqlite3.

    All objects of the process are looked through for them, once.

    Args:
        numbers: The descriptors that are asked for.

    Attributes:
        connections: All connections of sqlite3, which do not tell their descriptors.
    """

    def __init__(self, numbers: set[int]) -> None:
        self._found: dict[int, Any] = {}
        self.connections: list[Any] = []
        for one in live(io.FileIO, "multiprocessing.connection:_ConnectionBase", "sqlite3:Connection"):
            try:
                if not hasattr(type(one), "fileno"):
                    self.connections.append(one)
                elif not one.closed and getattr(one, "closefd", True) and one.fileno() in numbers:
                    self._found[one.fileno()] = one
            except (AttributeError, OSError, ValueError):  # half made, or closed by another thread
                continue

    def of(self, number: int) -> Any:
        """Return who will close a descriptor, or ``None``."""
        return self._found.get(number)

    def modes(self) -> dict[int, str]:
        """Return for what files were opened, in words."""
        return {number: _mode(owner) for number, owner in self._found.items()}

    def let_go(self) -> None:
        """Hold none of them any more."""
        self._found.clear()
        self.connections.clear()


def _may_be_database(number: int) -> bool:
    try:
        start = os.pread(number, len(_DATABASE), 0)
    except OSError:
        return False
    return start in (_DATABASE, b"")


def _mode(owner: Any) -> str:
    mode = getattr(owner, "mode", "")
    return {"rb": " open for reading", "wb": " open for writing", "ab": " open for writing"}.get(mode, "")


class Described(NamedTuple):
    """What a descriptor is.

    Attributes:
        form: In a word.
        what: In more, as reports name it.
        names: What tells it from others of its form: its path, its end, or its addresses and state.
    """

    form: str
    what: str
    names: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """What is equal from run to run, though temporary folders and names and ports are not."""
        text = " ".join((self.form, *map(os.path.basename, self.names)))
        return f"file-descriptor {_numbers().sub('*', text)}"


def _described(number: int) -> Described:
    """Return what a descriptor is."""
    target = _target(number)
    if target.startswith("socket:"):
        return _described_socket(number)
    if target.startswith("pipe:"):
        end = "write" if _is_for_writing(number) else "read"
        return Described("pipe", f"{end} end of a pipe", (end,))
    with_form = {stat.S_IFDIR: "directory", stat.S_IFIFO: "pipe", stat.S_IFREG: "file"}
    try:
        form = with_form.get(stat.S_IFMT(os.fstat(number).st_mode), "device")
    except OSError:
        form = "file"
    return Described(form, f"{form} {target!r}", (target,))


def _is_for_writing(number: int) -> bool:
    try:
        with open(f"/proc/self/fdinfo/{number}", encoding="ascii") as file:  # noqa: PTH123  # no pathlib here: it imports
            _, _, flags = file.read().partition("flags:")
    except OSError:
        return False
    return int(flags.split()[0], 8) & os.O_ACCMODE == os.O_WRONLY


def _described_socket(number: int) -> Described:
    unknown = Described("socket", "socket")
    try:
        # Not the class of Python: its making would be seen.
        copy = compat.plain_socket(os.dup(number))
    except OSError:
        return unknown
    try:
        family = getattr(socket.AddressFamily(copy.family), "name", "") if copy.family else ""
        here, there = _address(copy.getsockname), _address(copy.getpeername)
        state = ""
        if family in ("AF_INET", "AF_INET6") and copy.type == socket.SOCK_STREAM and hasattr(socket, "TCP_INFO"):
            number_of_state = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
            state = _STATES[number_of_state] if number_of_state < len(_STATES) else ""
    except (OSError, ValueError):
        return unknown
    finally:
        copy.close()
    text = f"socket {here}" if here else "socket"
    if there:
        text += f" to {there}"
    return Described("socket", f"{text} ({state})" if state else text, (here, there, state))


def _address(ask: Any) -> str:
    try:
        address = ask()
    except OSError:
        return ""
    if isinstance(address, tuple):
        return f"{address[0]}:{address[1]}" if address[1] else ""
    return str(address or "")


@functools.cache
def _numbers() -> re.Pattern[str]:
    return re.compile(r"tmp\w{8}|\d+")
