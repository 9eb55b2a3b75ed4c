"""Offers: the faults that can really happen to a call, read from what is beneath it and from who calls it.

An error arises at a boundary: where the call leaves the process, where a function of the project raises by name, where
a test double stands in its place, or where the user names a function. A call hangs where it waits and nothing limits
that. What neither fails nor waits is offered nothing.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import inspect
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pytest_chaos.catalogue.boundary import Boundary
from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.clauses import Scope, Sources
from pytest_chaos.errors import ChaosError
from pytest_chaos.faults.annotations import answer_hint, arms_of
from pytest_chaos.faults.answering import HttpAnswer
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.filling import DiskFull
from pytest_chaos.faults.hanging import Hang
from pytest_chaos.faults.instances import RaisingFault
from pytest_chaos.faults.raising import Raise
from pytest_chaos.faults.replying import LoseReply
from pytest_chaos.faults.returning import Null
from pytest_chaos.handling import Handling, Taken
from pytest_chaos.notation import parse
from pytest_chaos.reach import Way
from pytest_chaos.target import Point

Named = Literal["exactly", "by its module", "by its package", "by nobody"]
"""How the user came to name a point; a package tells where to look, and what nobody has named is a boundary."""

# What a server gives that is no outage: the page of a gateway in front of it, and what asks for patience.
_OF_A_GATEWAY = HttpAnswer(502, "<html>")
_TOLD_APART = {429: HttpAnswer(429, headers={"Retry-After": "0"}), 503: HttpAnswer(503, headers={"Retry-After": "0"})}
_USUAL: tuple[type[Exception], ...] = (ConnectionError, TimeoutError)
# Signals to the interpreter, marks of unfinished code, and bases that stand for "anything": no dependency raises them.
_NEVER = (AssertionError, NotImplementedError, StopIteration, StopAsyncIteration, Warning, MemoryError, RecursionError)
_ANYTHING = (BaseException, Exception, BaseExceptionGroup, ExceptionGroup)
# What a statement or its data are to blame for, by the names that PEP 249 gives databases: no outage, and whoever asks
# for it looks next at the row that is there already, or at the one that is not.
_OF_DATA = frozenset({"DataError", "IntegrityError", "NotSupportedError", "ProgrammingError"})
# Functions of these modules work on local files: what they meet is known, and they answer.
_OF_FILES = ("posix", "nt", "os", "posixpath", "ntpath", "genericpath", "shutil", "glob", "tempfile", "pathlib")
_LOCAL: tuple[type[Exception], ...] = (FileNotFoundError, PermissionError)
# What is let go is gone, whether or not the answer comes: so the work is done, and the error comes after it.
_RELEASING = frozenset({"close", "aclose", "release", "unlock", "rollback", "shutdown", "disconnect"})
# Methods of texts and of patterns, which tell of an argument and ask nobody.
_OF_TEXT = frozenset(
    {"endswith", "find", "fullmatch", "group", "groups", "lower", "match", "partition", "rsplit", "search", "split"}
    | {"startswith", "strip", "upper"}
)
# What Python has for an argument that is of a wrong type, or has a wrong value.
_OF_ARGUMENTS = (TypeError, ValueError)
_STATES = ("is_", "has_", "can_")  # how methods begin that tell of an object's own state
# What tests replace though it cannot fail: the clock, chance, ids, the environment, logs.
_SURE_MODULES = frozenset(
    {"calendar", "datetime", "getpass", "locale", "logging", "loguru", "platform", "random", "secrets", "structlog"}
    | {"time", "uuid", "warnings", "zoneinfo"}
)
_SURE_NAMES = frozenset(
    {"get_logger", "getLogger", "getcwd", "getenv", "getpid", "monotonic", "now", "perf_counter", "sleep", "timestamp"}
    | {"today", "urandom", "utcnow", "uuid1", "uuid4"}
)


@dataclass(frozen=True)
class Called:
    """A call that is looked at.

    Attributes:
        point: What is called.
        way: Who calls it, and what it goes to.
        named: How the user came to name it.
        beneath: The calls that it led to, in any plain run.
    """

    point: Point
    way: Way
    named: Named
    beneath: Sequence[Way] = ()


class Offers:
    """Tells what can happen to calls.

    Args:
        sources: Syntax trees.
        catalogue: The boundaries that are known.
    """

    def __init__(self, sources: Sources, catalogue: Catalogue) -> None:
        self.handling = Handling(sources)
        self._sources = sources
        self._catalogue = catalogue

    def of(self, called: Called) -> list[Fault]:
        """Return the faults that a call can meet, the quick ones first."""
        point, way, named = called.point, called.way, called.named
        boundary = self._catalogue.at(point.text)
        if boundary is not None:
            if named in ("by its package", "by nobody") and (way.outer or _leads_nowhere(boundary, way)):
                return []  # the library above it fails as a whole
            faults = self._of_boundary(boundary, way)
            # What a double was given limits nothing.
            if way.can_wait_for_ever and (named == "exactly" or not way.is_double):
                faults.append(Hang())
        elif way.is_double:
            faults = [] if _cannot_fail(point) else self._of_function(called)
        elif named == "by its package":
            # Where nothing comes in from outside, it is said of the function's own arguments.
            never = () if any(self._catalogue.at(reached.point) for reached in called.beneath) else _OF_ARGUMENTS
            raised = self._raised(point, only_over_answers=True)
            faults = [Raise(cls) for cls in raised if not issubclass(cls, never)]
        elif named == "by its module" and way.steps and way.steps[0].module == point.module:
            return []  # the module is a boundary for those outside of it
        else:
            faults = self._of_function(called)
        return [fault for fault in dict.fromkeys(faults) if not fault.refusal(point.kind)]

    # --- a boundary of the catalogue

    def _of_boundary(self, boundary: Boundary, way: Way) -> list[Fault]:
        """Return the errors of a boundary that callers on the way tell apart, and those that they ask for by name."""
        timed = bool(boundary.late) and (way.has_limit or (boundary.own_limit_s is not None and way.can_time_out))
        faults = boundary.faults_in(way.modes)
        known = _parsed(boundary, (*faults, *(boundary.late if timed else ())))
        never = {_class_of(fault) for fault in _parsed(boundary, set(boundary.faults) - set(faults))}
        kept: dict[tuple[bool, Taken], Fault] = {}
        classes = []
        for fault in known:
            cls = _class_of(fault)
            # Who asks for any error of the system is given that of a full disk.
            classes.append(OSError if isinstance(fault, DiskFull) else cls)
            if cls is None:
                kept.setdefault((False, ((0, 0, fault.word),)), fault)
                continue
            kept.setdefault((_is_timeout(cls), self.handling.taken(way.steps, cls)[0]), fault)
        told = {taken for _, taken in kept}
        for cls in _offerable(self.handling.caught(way.steps)):
            if cls in classes or cls in never or not _can_raise(boundary, cls, classes):
                continue
            taken = self.handling.taken(way.steps, cls)[0]
            if taken not in told and not (_is_timeout(cls) and not timed):
                told.add(taken)
                kept[_is_timeout(cls), taken] = Raise(cls)
        return [*kept.values(), *self._answers(boundary, way)]

    def _answers(self, boundary: Boundary, way: Way) -> Iterator[Fault]:
        """Yield what a server may answer instead; a library that asks for the project says that in its own words."""
        if boundary.speaks_http and not way.is_double and not way.via:
            yield _OF_A_GATEWAY
            told = self.handling.statuses(way.steps)
            yield from (answer for status, answer in _TOLD_APART.items() if status in told)

    # --- a function

    def _of_function(self, called: Called) -> list[Fault]:
        point, way = called.point, called.way
        can_time_out = way.can_time_out
        # Where the tests say that the world begins, whoever asks for an error by name may get it.
        steps = way.steps if way.is_double else way.steps[:1]
        errors = [*self._raised(point), *_offerable(self.handling.caught(steps))]
        faults: list[Fault] = [Raise(cls) for cls in errors if can_time_out or not _is_timeout(cls)]
        for reached in called.beneath:
            boundary = self._catalogue.at(reached.point)
            if boundary is not None and not reached.outer:
                faults += [
                    fault
                    for fault in self._of_boundary(boundary, reached)
                    if (cls := _class_of(fault)) is None or not self.handling.taken(reached.steps, cls)[1]
                ]
        if not called.beneath:
            for boundary in self._called_by_name(point):
                late = boundary.late if can_time_out or boundary.own_limit_s is not None else ()
                faults += _parsed(boundary, (*boundary.faults, *late))
        is_local = getattr(point.raw, "__module__", None) in _OF_FILES
        if is_local:
            faults += map(Raise, _LOCAL)
        if not faults and called.named in ("exactly", "by its module"):
            faults += [Raise(cls) for cls in _USUAL if can_time_out or not _is_timeout(cls)]
        if point.name in _RELEASING:
            faults = [LoseReply(fault.exc) if type(fault) is Raise else fault for fault in faults]
        if _may_be_none(point):
            faults.append(Null())
        can_wait = not way.is_double and any(reached.can_wait_for_ever for reached in called.beneath)
        if not is_local and (called.named == "exactly" or can_wait):
            faults.append(Hang())
        return faults

    # --- what the source of a function says

    def _raised(self, point: Point, *, only_over_answers: bool = False) -> Iterator[type[Exception]]:
        """Yield the errors that a function's own body raises by name.

        Args:
            point: The function.
            only_over_answers: Whether to leave out what is raised over arguments and state, which are what the plain
                run made them, and over other errors, which arise elsewhere.
        """
        function = _function_of(point.raw)
        if function is None:
            return
        scope = Scope(function.__code__, function.__globals__)
        nodes = self._sources.own_nodes(function.__code__, function.__globals__)
        for node in nodes:
            if isinstance(node, ast.Raise) and node.exc is not None:
                if only_over_answers and not _is_over_answer(node, nodes):
                    continue
                named = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                yield from _offerable([scope.value(named)])

    def _called_by_name(self, point: Point) -> Iterator[Boundary]:
        """Yield the boundaries that a function's own body calls by name, where no plain run has shown any."""
        function = _function_of(point.raw)
        if function is None:
            return
        scope = Scope(function.__code__, function.__globals__)
        for node in self._sources.own_nodes(function.__code__, function.__globals__):
            if isinstance(node, ast.Call):
                boundary = self._catalogue.called(_name_of(scope.value(node.func)))
                if boundary is not None:
                    yield boundary


def _is_over_answer(statement: ast.Raise, nodes: Sequence[ast.AST]) -> bool:
    """Tell whether what a function called decides that an error is raised.

    Args:
        statement: The statement that raises it.
        nodes: All of the function.
    """
    around = [
        node for node in nodes if isinstance(node, ast.If | ast.While | ast.ExceptHandler) and _holds(node, statement)
    ]
    if any(isinstance(node, ast.ExceptHandler) for node in around):
        return False
    tests = [node.test for node in around if isinstance(node, ast.If | ast.While)]
    if not tests:
        return True
    answers = [
        bound
        for node in nodes
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.For | ast.AsyncFor | ast.withitem)
        for bound in ast.walk(_target_of(node))
        # In "of[name] = ..." the names are read.
        if isinstance(bound, ast.Name | ast.Attribute) and isinstance(bound.ctx, ast.Store) and _asks(_value_of(node))
    ]

    def is_over(test: ast.expr) -> bool:
        names = _names_in(test)
        return _asks(test) or any(ast.unparse(bound) in names and _comes_to(bound, test, nodes) for bound in answers)

    return any(map(is_over, tests))


def _comes_to(bound: ast.Name | ast.Attribute, test: ast.expr, nodes: Sequence[ast.AST]) -> bool:
    """Tell whether what a statement binds may be what a condition looks at."""
    parts = [node for node in nodes if isinstance(node, ast.If | ast.For | ast.AsyncFor | ast.While)]
    around = [node for node in parts if _holds(node, bound) and _holds(node, test)]
    if any(not isinstance(node, ast.If) for node in around):
        return True  # it comes round again
    is_other = any(
        any(_holds(one, bound) for one in node.body) and any(_holds(one, test) for one in node.orelse)
        for node in around
        if isinstance(node, ast.If)
    )
    return bound.lineno <= test.lineno and not is_other


def _holds(node: ast.AST, part: ast.AST) -> bool:
    return any(inner is part for inner in ast.walk(node))


def _names_in(node: ast.AST) -> set[str]:
    return {ast.unparse(inner) for inner in ast.walk(node) if isinstance(inner, ast.Name | ast.Attribute)}


def _asks(node: ast.AST | None) -> bool:
    """Tell whether an expression calls what is neither built in nor asks a text, or an object for its own state."""
    return node is not None and any(
        isinstance(inner, ast.Call) and not (_is_built_in(inner.func) or _is_of_state(inner))
        for inner in ast.walk(node)
    )


def _is_built_in(called: ast.expr) -> bool:
    return isinstance(called, ast.Name) and called.id in vars(builtins)


def _is_of_state(call: ast.Call) -> bool:
    is_bare = not (call.args or call.keywords)
    if not isinstance(call.func, ast.Attribute):
        return False
    return call.func.attr in _OF_TEXT or (is_bare and call.func.attr.startswith(_STATES))


def _target_of(node: ast.AST) -> ast.AST:
    match node:
        case ast.Assign(targets=targets):
            return ast.Tuple(targets)
        case ast.withitem(optional_vars=target) if target is not None:
            return target
        case ast.AnnAssign(target=target) | ast.NamedExpr(target=target) | ast.For(target=target):
            return target
        case ast.AsyncFor(target=target):
            return target
    return ast.Tuple([])


def _value_of(node: ast.AST) -> ast.AST | None:
    match node:
        case ast.For(iter=value) | ast.AsyncFor(iter=value) | ast.withitem(context_expr=value):
            return value
        case ast.Assign(value=value) | ast.AnnAssign(value=value) | ast.NamedExpr(value=value):
            return value
    return None


def _leads_nowhere(boundary: Boundary, way: Way) -> bool:
    """Tell whether a socket is one of a pair, by which a program or its event loop wakes itself: it has no address."""
    is_sockets_own = boundary.library == "socket" and boundary.dependency.address == ("self.getpeername()",)
    return is_sockets_own and not way.dependency


def may_raise(point: Point) -> bool:
    """Tell whether the function at a point has a ``raise`` of its own; its source is not read for that."""
    function = _function_of(point.raw)
    return function is not None and _RAISE in function.__code__.co_code[::2]


_RAISE = dis.opmap["RAISE_VARARGS"]


def _parsed(boundary: Boundary, texts: Iterable[str]) -> list[Fault]:
    # Read anew, for a module that a test imports again has other classes.
    return [parse(f"{boundary.target} = {text}")[0].chain[0].fault for text in texts]


def _class_of(fault: Fault) -> type[BaseException] | None:
    if not isinstance(fault, RaisingFault):
        return None
    return fault.exc if isinstance(fault.exc, type) else type(fault.exc)


def _can_raise(boundary: Boundary, cls: type[BaseException], known: Iterable[type[BaseException] | None]) -> bool:
    """Tell whether a boundary can raise an error that its callers ask for, whatever it is given: one of its library's,
    or kin of its own.
    """
    if cls.__name__ in _OF_DATA and any(one is not None and one.__module__ == cls.__module__ for one in known):
        return False
    home = cls.__module__.partition(".")[0]
    if home != "builtins":
        return home in (boundary.library, boundary.module.partition(".")[0])
    return any(one is not None and (issubclass(cls, one) or issubclass(one, cls)) for one in known)


def _function_of(raw: Any) -> types.FunctionType | None:
    raw = getattr(raw, "fget", None) or getattr(raw, "__func__", None) or raw
    while isinstance(raw, functools.partial):
        raw = raw.func
    raw = inspect.unwrap(raw) if callable(raw) else raw
    return raw if isinstance(raw, types.FunctionType) else None


def _name_of(value: Any) -> str:
    # type(value), for proxies answer for what they wrap, and may make that first.
    module, qualname = (inspect.getattr_static(value, name, None) for name in ("__module__", "__qualname__"))
    if issubclass(type(value), types.FunctionType | types.BuiltinFunctionType | type):
        module, qualname = value.__module__, value.__qualname__
    return f"{module}:{qualname}" if isinstance(module, str) and isinstance(qualname, str) else ""


def _offerable(values: Iterable[Any]) -> Iterator[type[Exception]]:
    for value in values:
        if not issubclass(type(value), type) or not issubclass(value, Exception):
            continue
        if value in _ANYTHING or issubclass(value, _NEVER):
            continue
        try:
            Raise(value)
        except ChaosError:  # it wants arguments that only its own code knows
            continue
        yield value


def _cannot_fail(point: Point) -> bool:
    """Tell whether what a double stands for answers always; what is made and what Python calls by itself is no call
    to the world.
    """
    is_made = point.kind == "constructor" or (point.name.startswith("__") and point.name.endswith("__"))
    module = getattr(_function_of(point.raw) or point.raw, "__module__", None) or ""
    homes = {name.partition(".")[0] for name in (point.module, str(module))}
    return is_made or point.name in _SURE_NAMES or not homes.isdisjoint(_SURE_MODULES)


def _is_timeout(cls: type[BaseException]) -> bool:
    return issubclass(cls, TimeoutError) or "timeout" in cls.__name__.lower()


def _may_be_none(point: Point) -> bool:
    """Tell whether the annotation says that the answer may be ``None``, besides something else."""
    arms = arms_of(answer_hint(point.raw, point.kind))
    return type(None) in arms and len(arms) > 1
