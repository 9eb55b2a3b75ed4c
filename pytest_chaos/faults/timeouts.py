"""What a call does that was given a timeout, and does not get its answer within it.

Real functions end such a call by themselves, each in a way of its own. So a hang ends then too, with the callee's own
answer as far as that can be told: from a table for the standard library and for known libraries, or from what the
function's source raises. Names are looked up there and compared, but nothing is called. All else is a ``TimeoutError``.
An error knows what the callee's own would: the command of a child, the request of an HTTP client.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any, Protocol

from pytest_chaos.faults.base import FaultyCall, Kind, Limit

_PARAMETER = re.compile(
    r"(?:(?P<phase>connect|connection|read|recv|receive|request|response|total|call|rpc|socket|query|operation|wait)_)?"
    r"timeout(?:(?:_in)?_(?P<unit>s|secs?|seconds|ms|msecs?|millis|milliseconds))?"
)
UNTOLD: Any = object()
"""What is no number of seconds, and not ``None`` for no limit either."""
_READING = ("read", "sock_read", "read_timeout", "total")  # httpx.Timeout, aiohttp.ClientTimeout, urllib3.Timeout
_MARK = "timeout"  # what all of these names have in them
_ANSWERING: frozenset[Kind] = frozenset({"function", "coroutine", "property"})
"""Kinds of callables whose ``return`` says what the caller gets."""


@dataclass(frozen=True)
class Answer:
    """How a call ends that timed out: it raises ``error``, or where that is ``None`` it returns ``value``."""

    error: BaseException | None = None
    value: Any = None


@dataclass(frozen=True)
class _Late:
    """A call that timed out, as the tables see it."""

    receiver: Any
    name: str
    args: tuple[Any, ...]
    named: Mapping[str, Any]
    seconds: float
    message: str


def limit_of(call: FaultyCall) -> Limit | None:
    """Return the limit that a call was given, or ``None`` if its function takes none, or one that cannot be read."""
    return limit_in(call, call.arguments()[1])


class Called(Protocol):
    """A call, as far as is needed to read a limit from its arguments."""

    @property
    def function(self) -> Callable[..., Any]:
        """What is really called; of a spliced function it is made where it is asked for."""


def limit_in(call: Called, named: Mapping[str, Any]) -> Limit | None:
    """Return the limit that a call is given by these arguments, as :func:`limit_of` does."""
    if not any(_MARK in name for name in named):
        return None  # as most
    function = call.function
    found = [
        (name, seconds)
        for name, value in named.items()
        if (factor := _seconds_per_unit(name, function)) and (seconds := seconds_of(value, factor)) is not UNTOLD
    ]
    if not found:
        return None
    for switch in ("block", "blocking"):  # beside a timeout, as queues have it: whoever will not wait does not wait
        if named.get(switch) is False:
            return Limit(switch, 0.0)
    name, seconds = min(found, key=lambda one: math.inf if one[1] is None else one[1])
    return Limit(name, seconds)


def answer_after(call: FaultyCall, seconds: float) -> Answer:
    """Return how a call ends that had no answer for so long."""
    args, named = call.arguments()
    name = getattr(call.function, "__name__", "")
    late = _Late(call.receiver, name, args, named, seconds, f"chaos: no answer within {seconds:g} s at {call.label}")
    answer = _of_callee(call.function, late, deep=True)
    if answer is None or (answer.error is None and call.kind not in _ANSWERING):
        return Answer(TimeoutError(late.message))
    return answer


def _seconds_per_unit(name: str, function: Callable[..., Any]) -> float:
    """Return how many seconds one unit of a timeout parameter is, or 0 if it is none that ends this call."""
    match = _PARAMETER.fullmatch(name)
    if match is None:
        return 0
    if (match["phase"] or "").startswith("connect") and "connect" not in getattr(function, "__name__", "").lower():
        return 0  # it ends the beginning of the call, and a hang may come later
    return 0.001 if (match["unit"] or "").startswith("m") else 1


def seconds_of(value: Any, factor: float = 1) -> Any:
    """Return seconds, ``None`` for no limit, or :data:`UNTOLD` for what we do not understand.

    Args:
        value: What a timeout parameter was given.
        factor: How many seconds one unit of it is.
    """
    if isinstance(value, tuple) and value:  # requests: (connect, read)
        value = value[-1]
    if isinstance(value, timedelta):
        value, factor = value.total_seconds(), 1
    if value is None or _is_number(value):
        return _limited(value, factor)
    told = [part for part in (_part(value, name) for name in _READING) if part is None or _is_number(part)]
    if not told:
        return UNTOLD
    return min((_limited(part, factor) for part in told), key=lambda one: math.inf if one is None else one)


def _part(value: Any, name: str) -> Any:
    try:
        return getattr(value, name, UNTOLD)
    except Exception:  # noqa: BLE001  # that of urllib3 cannot tell before its clock runs
        return UNTOLD


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _limited(value: float | None, factor: float) -> float | None:
    return value * factor if value is not None and 0 <= value < math.inf else None  # the locks take -1 for no limit


# --- what is known


def _raises(path: str, *args: str) -> Callable[[_Late], Answer | None]:
    module, _, name = path.partition(":")

    def answer(late: _Late) -> Answer | None:
        # Whoever can call the library's function has imported it.
        cls = getattr(sys.modules.get(module), name, None)
        return _raised(cls, tuple(getattr(late, one) for one in args))

    return answer


def _returns(make: Callable[[_Late], Any]) -> Callable[[_Late], Answer | None]:
    return lambda late: Answer(value=make(late))


def _command(late: _Late) -> Answer | None:
    # Of a started process it is what that was started with; ``input`` and ``timeout`` are no command.
    command = getattr(late.receiver, "args", None)
    if late.receiver is None:
        command = late.args[0] if late.args else late.named.get("args")
    return _raised(_expired(), (late.message if command is None else command, late.seconds))


def _expired() -> Any:
    return getattr(sys.modules.get("subprocess"), "TimeoutExpired", None)


def _requested(path: str) -> Callable[[_Late], Answer | None]:
    """Return what raises an HTTP client's error, which knows the request that had no answer."""
    module, _, name = path.partition(":")

    def answer(late: _Late) -> Answer | None:
        library = sys.modules.get(module)
        request = late.named.get("request") or _request(late, sys.modules.get(module.partition(".")[0]))
        return _raised(getattr(library, name, None), (late.message,), request=request)

    return answer


def _request(late: _Late, library: Any) -> Any:
    method = late.named.get("method", late.name.upper())
    try:
        made = library.Request(method, late.named["url"])
        return made.prepare() if hasattr(made, "prepare") else made
    except Exception:  # noqa: BLE001  # no request, or one that the library would refuse in a way of its own
        return None


def _executor_wait(late: _Late) -> Answer | None:
    made = getattr(sys.modules.get("concurrent.futures._base"), "DoneAndNotDoneFutures", None)
    return Answer(value=made(set(), set(late.named["fs"]))) if made is not None and "fs" in late.named else None


_FALSE = _returns(lambda late: False)
_NOTHING = _returns(lambda late: None)
_STANDARD: dict[tuple[str, str], Callable[[_Late], Answer | None]] = {
    ("queue", "Queue.get"): _raises("queue:Empty"),
    ("queue", "Queue.put"): _raises("queue:Full"),
    ("multiprocessing.queues", "Queue.get"): _raises("queue:Empty"),
    ("multiprocessing.queues", "Queue.put"): _raises("queue:Full"),
    ("multiprocessing.pool", "ApplyResult.get"): _raises("multiprocessing:TimeoutError", "message"),
    ("multiprocessing.process", "BaseProcess.join"): _NOTHING,
    ("threading", "Event.wait"): _FALSE,
    ("threading", "Condition.wait"): _FALSE,
    ("threading", "Condition.wait_for"): _FALSE,
    ("threading", "Semaphore.acquire"): _FALSE,
    ("threading", "Thread.join"): _NOTHING,
    ("threading", "Barrier.wait"): _raises("threading:BrokenBarrierError"),
    ("concurrent.futures._base", "wait"): _executor_wait,
    ("asyncio.tasks", "wait"): _returns(lambda late: (set(), set(late.named["fs"]))),
    ("select", "select"): _returns(lambda late: ([], [], [])),
    ("sqlite3", "connect"): _raises("sqlite3:OperationalError", "message"),
    ("_sqlite3", "connect"): _raises("sqlite3:OperationalError", "message"),
    **{
        ("subprocess", name): _command
        for name in ("run", "call", "check_call", "check_output", "Popen.wait", "Popen.communicate")
    },
}
_LIBRARIES: dict[str, Callable[[_Late], Answer | None]] = {
    "aiohttp": _raises("aiohttp:ServerTimeoutError", "message"),
    "httpx": _requested("httpx:ReadTimeout"),
    "httpx2": _requested("httpx2:ReadTimeout"),
    "redis": _raises("redis.exceptions:TimeoutError", "message"),
    "requests": _requested("requests.exceptions:ReadTimeout"),
    "trio": _raises("trio:TooSlowError"),
}


def _of_callee(function: Any, late: _Late, *, deep: bool) -> Answer | None:
    module = getattr(function, "__module__", None) or ""
    known = _STANDARD.get((module, getattr(function, "__qualname__", ""))) or _LIBRARIES.get(module.partition(".")[0])
    if known is not None:
        return known(late)
    return _of_source(function, late) if deep else None


# --- what is read


def _of_source(function: Any, late: _Late) -> Answer | None:
    function = getattr(function, "__func__", function)
    tree = _tree(function)
    if tree is None:
        return None
    nodes = list(_own_nodes(tree))
    for handler in (node for node in nodes if isinstance(node, ast.ExceptHandler)):
        named = handler.type
        caught = named.elts if isinstance(named, ast.Tuple) else [] if named is None else [named]
        classes = [cls for cls in (_looked_up(name, function) for name in caught) if _is_timeout(cls)]
        if classes:
            return _of_handler(handler, classes[0], function, late)
    for node in nodes:
        if isinstance(node, ast.Raise):
            cls = _raised_class(node, function)
            if _is_timeout(cls):
                return _raised_with(cls, late)
    for node in nodes:  # what the function hands its timeout on to
        if isinstance(node, ast.Call) and any(_PARAMETER.fullmatch(word.arg or "") for word in node.keywords):
            callee = _looked_up(node.func, function)
            if callee is not None and (answer := _of_callee(callee, late, deep=False)) is not None:
                return answer if answer.error is not None else None  # what it makes of a value, we do not know
    return None


def _of_handler(handler: ast.ExceptHandler, caught: Any, function: Any, late: _Late) -> Answer | None:
    for statement in handler.body:
        if isinstance(statement, ast.Raise):
            cls = caught if statement.exc is None else _raised_class(statement, function)
            return _raised_with(cls, late)
        if isinstance(statement, ast.Return):
            try:
                return Answer(value=None if statement.value is None else ast.literal_eval(statement.value))
            except ValueError:
                return None
        if not isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Pass):
            return None  # it depends
    return None


def _tree(function: Any) -> ast.AST | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    found = tree.body[0] if tree.body else None
    return found if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) else None


def _own_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(tree):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from _own_nodes(child)


def _raised_class(statement: ast.Raise, function: Any) -> Any:
    raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
    return None if raised is None else _looked_up(raised, function)


def _looked_up(name: ast.expr, function: Any) -> Any:
    """Return what a dotted name means in a function's module; ``None`` for local names and everything else."""
    if isinstance(name, ast.Attribute):
        owner = _looked_up(name.value, function)
        return vars(owner).get(name.attr) if isinstance(owner, ModuleType | type) else None
    code = getattr(function, "__code__", None)
    if not isinstance(name, ast.Name) or code is None or name.id in code.co_varnames:
        return None
    module = getattr(function, "__globals__", {})
    return module.get(name.id, getattr(builtins, name.id, None))


def _is_timeout(cls: Any) -> bool:
    if not isinstance(cls, type) or not issubclass(cls, Exception):
        return False
    return issubclass(cls, TimeoutError) or cls.__name__.endswith(
        ("Timeout", "TimeoutError", "TimeoutException", "TimedOut", "TimeoutExpired")
    )


def _raised_with(cls: Any, late: _Late) -> Answer | None:
    """Return an error that the source names: it gets a message, and that of a child process its seconds too."""
    return _raised(cls, (late.message, late.seconds) if cls is _expired() else (late.message,))


def _raised(cls: Any, args: tuple[Any, ...], **named: Any) -> Answer | None:
    if not isinstance(cls, type) or not issubclass(cls, Exception):
        return None
    try:
        made = cls(*args, **named)
    except Exception:  # noqa: BLE001  # it wants other arguments, which only the callee knows
        return None
    return Answer(made) if isinstance(made, Exception) else None
