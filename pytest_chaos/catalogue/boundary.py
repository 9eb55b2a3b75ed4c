"""What is known of a boundary, a call through which a program leaves its process; and of the library it belongs to.

Where a limit or a dependency is read is told by *paths*, and nobody calls the boundary for that. A path begins with

- ``timeout``: an argument, by its name; ``0``: a positional argument, by its index, the receiver not counted, for
  where names are not known, as of most functions in C;
- ``self``: the receiver of the method;
- ``socket:getdefaulttimeout()``: a name of a module.

Each further step is a key of a ``dict``, an index of a list or tuple, or else an attribute; ``()`` calls what is found,
without arguments. What a path leads to may be missing; then the next path is followed. :mod:`.reading` follows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

CHECKED = "checked"
_CREATING = frozenset("wax")  # letters of the modes of ``open`` in which it makes a file that is not there


@dataclass(frozen=True)
class Dependency:
    """Where it is read what a call goes to: for each part the paths to it. The first that leads to something tells.

    Attributes:
        address: A pair of host and port, or the path of a Unix socket.
        url: The text of a URL.
        host: The host alone.
        port: The port beside it.
        own_port: The port where none is told.
        path: A file, a file of a database, or a Unix socket.
        program: A program: its path, a command line, or the list of its words.
        maker: An object that another boundary has returned, whose dependency this call shares.
    """

    address: tuple[str, ...] = ()
    url: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    port: tuple[str, ...] = ()
    own_port: int | None = None
    path: tuple[str, ...] = ()
    program: tuple[str, ...] = ()
    maker: tuple[str, ...] = ()


@dataclass(frozen=True)
class Boundary:
    """One way out of the process.

    Attributes:
        library: What a user calls the library.
        target: Text of the target.
        faults: Texts of errors that a call there can meet; none where it can only be late.
        waits: Whether it can wait for ever where nothing limits it: local files and databases answer, or say that they
            will not.
        late: Texts of errors that it can meet only where it has a limit.
        local: Paths to the name of what answers, each with the names of those that are part of the process, or of
            this machine: a call of one of these does not wait for ever.
        aliases: Other names, as ``module:name``, under which functions call it.
        limit: Paths to its limit. The first tells that leads to what a timeout parameter takes: a number of seconds, or
            ``None`` for no limit. Where none does, the limit is the library's own.
        own_limit_s: The limit of a call that is told none, in seconds; ``None``, if that waits for ever.
        dependency: Where it is read what is called; empty, if nothing tells.
        mode: Paths to the mode in which a file is opened.
        creating: Texts of errors that a call can meet that makes the file where it is not there, instead of
            :attr:`faults`.
        checks: Paths to what asks for an error where what was called ends badly.
        refusals: Texts of the errors that a call meets that asks for them.
        in_pieces: Whether each call takes as much as is there just then, so that how many there are is chance.
        speaks_http: Whether a server answers it by HTTP, so that it can get another answer than the one it hopes for.
        releases: The releases of the library that this holds for, as a version specifier; empty for all.
    """

    library: str
    target: str
    faults: tuple[str, ...]
    waits: bool
    late: tuple[str, ...] = ()
    local: tuple[tuple[str, tuple[str, ...]], ...] = ()
    aliases: tuple[str, ...] = ()
    limit: tuple[str, ...] = ()
    own_limit_s: float | None = None
    dependency: Dependency = Dependency()
    releases: str = ""
    in_pieces: bool = False
    mode: tuple[str, ...] = ()
    creating: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    speaks_http: bool = False

    def faults_in(self, modes: Iterable[str]) -> tuple[str, ...]:
        """Return the texts of errors that calls can meet which open files in these modes; of none if nothing tells.

        The mode of a call that asks for an error where what it calls ends badly is :data:`CHECKED`.
        """
        if self.checks:
            return (*self.faults, *self.refusals) if CHECKED in modes else self.faults
        found = [self.faults if _CREATING.isdisjoint(mode) else self.creating for mode in modes]
        return tuple(dict.fromkeys(text for texts in found for text in texts)) or self.faults

    @property
    def module(self) -> str:
        """The module that the target is in."""
        return self.target.partition(":")[0]

    @property
    def hangs(self) -> bool:
        """Whether a call that is told no limit can wait for ever."""
        return self.waits and self.own_limit_s is None


@dataclass(frozen=True)
class Library:
    """A library and its boundaries.

    Attributes:
        name: What a user calls it.
        boundaries: Its boundaries, in the order in which they are swept.
        distribution: The distribution whose release counts; empty for the standard library, where Python's counts.
        beneath: Names of the libraries that it is built on, and calls itself; :meth:`.Catalogue.beneath` has those too
            on which these are built.
    """

    name: str
    boundaries: tuple[Boundary, ...]
    distribution: str = ""
    beneath: tuple[str, ...] = ()
