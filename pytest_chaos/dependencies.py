"""Dependencies: what calls of one run go to, by the names that are the same in every run.

A service that a test starts has another port each time, and a temporary file another folder. So the former is named by
the function of the project that first went there, and the latter by what of its name was not drawn.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

from pytest_chaos import compat
from pytest_chaos.catalogue.boundary import Boundary
from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.catalogue.reading import IN_MEMORY, Addresses, SeenCall, dependency_of, goes_by_number, mode_of
from pytest_chaos.provenance import Provenance
from pytest_chaos.trace import CallSite

# What a name has that is another one in the next run: letters that tempfile draws, digests, process ids, times. And
# numbers, for files that are numbered are many of one kind: a cache with a file for each key is one dependency.
_DRAWN = re.compile(
    r"(?<=\btmp)[a-z0-9_]{8}(?![a-z0-9_])|(?<=[_-])(?=[a-z_]*\d)[a-z0-9_]{8}(?![a-z0-9_])"
    r"|[0-9a-f]{4,}(?:-[0-9a-f]{4,}){4}|(?=[a-f]*\d)[0-9a-f]{8,}|\d+"
)
# Who shows a traceback reads the source of its lines, and does without where there is none.
_OF_NOBODY = ("linecache", "tokenize", "trio._core._wakeup_socketpair")
_WAKING_A_LOOP = ("_write_to_self", "_read_from_self")  # of asyncio's loops, and of those that derive from them
_LAST_FIXED_PORT = 32767  # above it systems choose one for who asks for any


_WRITES = frozenset("wxa+")
_LOCAL = "localhost/"
_TEMPORARY = "<tmp>/"


def is_named_by_user(dependency: str) -> bool:
    """Tell whether a service is named by who goes there first, so that all calls to services must be seen for it."""
    return dependency.startswith(_LOCAL)


def is_tests_own(dependency: str) -> bool:
    """Tell whether a file or database is one that a test makes for itself: what it is called says nothing to others."""
    return dependency.startswith(_TEMPORARY) or dependency == IN_MEMORY


class Dependencies:
    """The names of what the calls of one run go to.

    Args:
        catalogue: The boundaries that are known.
        addresses: Where those lead that boundaries have returned.
        provenance: Tells how files are named.
        temporary: Folders of temporary files beside the system's own.
    """

    def __init__(
        self, catalogue: Catalogue, addresses: Addresses, provenance: Provenance, temporary: Iterable[str] = ()
    ) -> None:
        self._catalogue = catalogue
        self._addresses = addresses
        self._provenance = provenance
        self._local: dict[int, str] = {}
        self._files: dict[str, str] = {}
        self._shipped: dict[str, bool] = {}
        self._users: Counter[str] = Counter()
        self._temporary = tuple(
            os.path.join(os.path.realpath(folder), "") for folder in (tempfile.gettempdir(), *temporary)
        )
        self._lock = compat.new_lock()

    def name(self, point: str, call: SeenCall, caller: CallSite) -> str:
        """Return what a call goes to, or an empty text if nothing tells.

        Args:
            point: The injection point.
            call: The call.
            caller: The line that makes it.
        """
        boundary = self._catalogue.at(point)
        if boundary is None:
            return ""
        address = dependency_of(boundary, call, self._addresses)
        if address is None:
            return ""
        if address.path:
            return self.of_path(address.path)
        if address.port is not None and address.port > _LAST_FIXED_PORT and _is_here(address.host):
            return self._of_local(address.port, caller)
        return address.text

    def leads_out(self, point: str, call: SeenCall, *, is_named: bool = False) -> bool:
        """Tell whether a call goes out of the process.

        A file that is open already is found; and one that is read from the folder of a package, such as a template, has
        come with the code, and is there as long as that is, unless the user names the very point.

        Args:
            point: The injection point.
            call: The call.
            is_named: Whether the user has named it, and not a glob over it or nothing at all.
        """
        boundary = self._catalogue.at(point)
        if boundary is None or not boundary.dependency.path:
            return True
        return not (goes_by_number(boundary, call) or (not is_named and self._has_come_with_code(boundary, call)))

    def _has_come_with_code(self, boundary: Boundary, call: SeenCall) -> bool:
        if not boundary.mode or not _WRITES.isdisjoint(mode_of(boundary, call)):
            return False
        address = dependency_of(boundary, call, self._addresses)
        if address is None or not address.path:
            return False
        known = self._shipped.get(address.path)
        if known is None:
            known = self._is_in_package(address.path)
            if address.path[:1] == "/":  # any other one depends on the working folder
                self._shipped[address.path] = known
        return known

    def _is_in_package(self, path: str) -> bool:
        try:
            real = os.path.realpath(path)
        except (OSError, ValueError):
            return False
        if real.startswith(self._temporary):
            return False
        return any(Path(folder, "__init__.py").is_file() for folder in Path(real).parents)

    def of_path(self, path: str) -> str:
        """Return the name of a file: that below a temporary folder is the same in each run."""
        if path[:1] in (":", "@"):
            return path
        known = self._files.get(path)
        if known is None:
            known = self._of_file(path)
            if path[:1] == "/":  # any other one depends on the working folder
                self._files[path] = known
        return known

    def _of_file(self, path: str) -> str:
        try:
            real = os.path.realpath(path)
        except (OSError, ValueError):  # of a folder that is gone, or with a character that no path has
            return path
        if real.startswith(self._temporary):
            return f"{_TEMPORARY}{_DRAWN.sub('*', os.path.basename(real))}"
        return self._provenance.shorten(real)

    def _of_local(self, port: int, caller: CallSite) -> str:
        with self._lock:
            known = self._local.get(port)
            if known is None:
                user = f"{_LOCAL}{caller.module.get('__name__', '')}:{caller.function}"
                if caller.is_driver:
                    return user  # of the test, which goes there in a way of its own
                self._users[user] += 1
                number = self._users[user]
                known = self._local[port] = user if number == 1 else f"{user}/{number}"
            return known


def is_nobodys(frame: FrameType | None) -> bool:
    """Tell whether a call is made on behalf of nobody: it reads the lines that a traceback shows, or wakes a loop.

    How often that is done depends on what is remembered, and on whether the loop sleeps.

    Args:
        frame: The frame that makes the call, of whoever it is.
    """
    while frame is not None and "__name__" not in frame.f_globals:  # one of a stand-in
        frame = frame.f_back
    if frame is None:
        return False
    return frame.f_globals["__name__"] in _OF_NOBODY or frame.f_code.co_name in _WAKING_A_LOOP


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
