"""Which clause of a function takes an error: read from the function's source, and never by running any of it.

An error that arises at a position of a function meets the ``with`` and ``try`` statements around that position, the
innermost first. Names are looked up and compared; nothing is called, so what cannot be told this way stays in doubt.
"""

from __future__ import annotations

import ast
import contextlib
import dis
import inspect
import linecache
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType
from typing import Any, Literal

ClauseKind = Literal["except", "with", "finally"]
Does = Literal[
    "nothing",  # passes, continues, or returns nothing
    "raises",  # may raise an error of its own
    "answers",  # something else
    "",  # not known
]
Position = tuple[int, int | None]
"""Line from 1, and column in bytes, or ``None`` where the interpreter was told not to keep columns."""

_LONGEST_TEXT = 60  # characters of one clause in a report
_UNKNOWN: Any = object()
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
# A generator behind @contextmanager that takes an error shows in the traceback itself; its ``with`` never takes one.
_GENERATOR_MANAGERS = tuple(
    made.__code__
    for made in (contextlib.contextmanager(lambda: iter(())), contextlib.asynccontextmanager(lambda: _UNKNOWN))
)


@dataclass(frozen=True)
class Clause:
    """A clause that takes an error, or may.

    Attributes:
        kind: What sort of clause it is.
        line: Its line, from 1.
        text: Its head, such as ``except OSError``.
        doubt: Why it is not sure that it took the error; empty if it is.
        does: What it does about the error.
        is_broad: Whether it takes every ``Exception``, and does not name the error or a nearer base.
        is_for_absence: Whether it names the error that says that a file is not there.
        span: First and last line of the statement that it belongs to, with what is guarded.
    """

    kind: ClauseKind
    line: int
    text: str
    doubt: str = ""
    does: Does = field(default="", kw_only=True)
    is_broad: bool = field(default=False, kw_only=True)
    is_for_absence: bool = field(default=False, kw_only=True)
    span: tuple[int, int] = field(default=(0, 0), kw_only=True)


class Sources:
    """The syntax trees of source files, each read once."""

    def __init__(self) -> None:
        self._trees: dict[str, ast.Module | None] = {}
        self._definitions: dict[str, dict[tuple[str, int], ast.AST]] = {}
        self._own_nodes: dict[tuple[str, str, int], list[ast.AST]] = {}

    def tree(self, code: CodeType, module: dict[str, Any]) -> ast.Module | None:
        """Return the tree of the file that holds a code object, or ``None`` if it cannot be read.

        Args:
            code: The code object.
            module: The globals of its module, which know the loader of a file inside an archive.
        """
        return self.tree_of_file(code.co_filename, module)

    def tree_of_file(self, name: str, module: dict[str, Any] | None = None) -> ast.Module | None:
        """Return the tree of a file, or ``None`` if it cannot be read.

        Args:
            name: Its name.
            module: The globals of its module, if they are known.
        """
        if name not in self._trees:
            linecache.checkcache(name)
            try:
                self._trees[name] = ast.parse("".join(linecache.getlines(name, module)))
            except (SyntaxError, ValueError, RecursionError):
                self._trees[name] = None
        return self._trees[name]

    def own_nodes(self, code: CodeType, module: dict[str, Any]) -> list[ast.AST]:
        """Return the nodes of a function's own body, without those of functions inside it; none if it is not found.

        Args:
            code: The function's code.
            module: The globals of its module.
        """
        key = (code.co_filename, code.co_name, code.co_firstlineno)
        known = self._own_nodes.get(key)
        if known is None:
            definition = self._definitions_in(code, module).get(key[1:])
            known = self._own_nodes[key] = [] if definition is None else list(_own(definition))
        return known

    def _definitions_in(self, code: CodeType, module: dict[str, Any]) -> dict[tuple[str, int], ast.AST]:
        """Return the functions of the file of a code object, by name and first line."""
        known = self._definitions.get(code.co_filename)
        if known is None:
            tree = self.tree(code, module)
            known = self._definitions[code.co_filename] = {
                (node.name, first_line(node)): node
                for node in (() if tree is None else ast.walk(tree))
                if isinstance(node, _FUNCTIONS)
            }
        return known


def first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """Return the line on which a definition begins, its decorators included, as its code tells."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _own(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (_FUNCTIONS, ast.Lambda, ast.ClassDef)):
            yield child
            yield from _own(child)


class Scope:
    """The names that a frame sees.

    Args:
        code: The code of the frame.
        module: The globals.
        frame: The frame itself, for names of its own; ``None`` if it is gone.

    Attributes:
        has_looked_inside: Whether a name of the frame's own was looked up, which stands for something else in another.
    """

    __slots__ = ("code", "frame", "has_looked_inside", "module")

    def __init__(self, code: CodeType, module: dict[str, Any], frame: FrameType | None = None) -> None:
        self.code = code
        self.module = module
        self.frame = frame
        self.has_looked_inside = False

    def value(self, expression: ast.expr) -> Any:
        """Return what a name, a dotted name or a tuple of them stands for, or a marker that equals nothing else."""
        if isinstance(expression, ast.Name):
            return self._named(expression.id)
        if isinstance(expression, ast.Attribute):
            owner = self.value(expression.value)
            return _UNKNOWN if owner is _UNKNOWN else inspect.getattr_static(owner, expression.attr, _UNKNOWN)
        if isinstance(expression, ast.Tuple):
            return tuple(self.value(part) for part in expression.elts)
        return _UNKNOWN

    def _named(self, name: str) -> Any:
        code = self.code
        if name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
            self.has_looked_inside = True
            # Asked for only where needed: up to 3.12 it makes a running frame keep what its names stood for.
            return _UNKNOWN if self.frame is None else self.frame.f_locals.get(name, _UNKNOWN)
        if name in self.module:
            return self.module[name]
        builtins = self.module.get("__builtins__", {})
        return (builtins if isinstance(builtins, dict) else vars(builtins)).get(name, _UNKNOWN)


def takers(
    tree: ast.Module, scope: Scope, position: Position, error: type[BaseException], *, may_leave: bool
) -> list[Clause] | None:
    """Return the clauses that can have taken an error which arose at a position and did not leave its function.

    One clause without doubt, or the candidates, innermost first; nothing where no clause takes it, and ``None`` where
    the position is not found.

    Args:
        tree: The source file.
        scope: The names that the frame sees.
        position: Where the error arose or came in.
        error: Its class.
        may_leave: Whether it may have left the function unseen, as a coroutine's error does into its task.
    """
    around = statements_around(tree, scope.code, position)
    if around is None:
        return None
    found: list[Clause] = []
    for clause in _met(around, scope, error):
        found.append(clause)
        if not clause.doubt:
            break
    if len(found) == 1 and not may_leave:
        return [replace(found[0], doubt="")]  # it was taken here, and nobody else can have done it
    return found


def entered(
    tree: ast.Module, scope: Scope, offset: int, error: type[BaseException], leaf: type[BaseException]
) -> list[Clause] | None:
    """Return the clause that a handler belongs to, by the handler's place in the bytecode; else as :func:`takers`.

    Args:
        tree: The source file.
        scope: The names that the frame sees.
        offset: Offset of the handler's first instruction, in bytes.
        error: Class of what was handled; a group, maybe.
        leaf: Class of the error that is followed.
    """
    code = scope.code
    position = next((place for place in positions(code, offset) if place is not None), None)
    around = None if position is None else statements_around(tree, code, position)
    if position is None or around is None:
        return None
    is_with = "WITH_EXCEPT_START" in [dis.opname[number] for number in code.co_code[offset : offset + 4 : 2]]
    if is_with:
        return [_with_at(tree, scope, around, position)]
    for node, part, _ in reversed(around):
        if isinstance(node, ast.Try | ast.TryStar) and part == "handlers":
            star = isinstance(node, ast.TryStar)
            return list(_dispatched(node, scope, leaf if star else error, is_entered=True))
        if isinstance(node, ast.Try | ast.TryStar) and part == "finalbody":
            return [_finally(node)]
    return None


def handlers_around(tree: ast.Module, scope: Scope, position: Position) -> Iterator[tuple[Any, int, str]]:
    """Yield what each handler around a position is for, its line and its head, innermost first.

    What it is for is a class, a tuple of them, ``None`` where it names none, or what equals nothing else.

    Args:
        tree: The source file.
        scope: The names that the frame sees.
        position: The position.
    """
    for node, part, _ in reversed(statements_around(tree, scope.code, position) or []):
        if isinstance(node, ast.Try | ast.TryStar) and part == "body":
            for handler in node.handlers:
                value = None if handler.type is None else scope.value(handler.type)
                yield value, handler.lineno, _head(node, handler)


def positions(code: CodeType, offset: int) -> Iterator[Position | None]:
    """Yield the position of the instruction at an offset and of those after it; ``None`` for what has none."""
    for index, (line, _, column, _) in enumerate(code.co_positions()):
        if index * 2 >= offset:
            yield None if line is None else (line, column)


_Step = tuple[ast.AST, str, int]  # a node, the field in which a position lies, and where in it


def statements_around(tree: ast.Module, code: CodeType, position: Position) -> list[_Step] | None:
    """Return the nodes of a function around a position, outermost first; ``None`` if the function is not there."""
    chain = list(_chain(tree, position))
    if code.co_name.startswith("<"):
        return chain if code.co_name == "<module>" else []  # lambdas and comprehensions hold no statements
    for index in range(len(chain) - 1, -1, -1):
        node = chain[index][0]
        if isinstance(node, _FUNCTIONS | ast.ClassDef) and (node.name, first_line(node)) == (
            code.co_name,
            code.co_firstlineno,
        ):
            return chain[index:]
    return None


def _chain(node: ast.AST, position: Position) -> Iterator[_Step]:
    while True:
        for part, index, child in _children(node):
            if _contains(child, position):
                yield node, part, index
                node = child
                break
        else:
            return


def _children(node: ast.AST) -> Iterator[tuple[str, int, ast.AST]]:
    """Yield field, index and child; parts without a position, such as the items of a ``with``, are looked through."""
    for part, value in ast.iter_fields(node):
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                if hasattr(child, "lineno"):
                    yield part, index, child
                else:
                    yield from ((part, index, inner) for _, _, inner in _children(child))


def _contains(node: Any, position: Position) -> bool:
    line, column = position
    if column is None:
        return bool(node.lineno <= line <= node.end_lineno)
    return bool((node.lineno, node.col_offset) <= (line, column) < (node.end_lineno, node.end_col_offset))


def _with_at(tree: ast.Module, scope: Scope, around: list[_Step], position: Position) -> Clause:
    for node, part, index in reversed(around):
        if isinstance(node, ast.With | ast.AsyncWith) and part == "items":
            return _with(node, node.items[index], scope)
    for node in ast.walk(tree):  # up to 3.12 the position is that of the whole statement
        if isinstance(node, ast.With | ast.AsyncWith) and (node.lineno, node.col_offset) == position:
            if len(node.items) == 1:
                return _with(node, node.items[0], scope)
            return Clause("with", node.lineno, _text("with", *(ast.unparse(item.context_expr) for item in node.items)))
    return Clause("with", position[0], "with")


def _with(node: ast.With | ast.AsyncWith, item: ast.withitem, scope: Scope, doubt: str = "") -> Clause:
    manager = item.context_expr
    text = _text("with", ast.unparse(manager))
    if isinstance(manager, ast.Call) and scope.value(manager.func) is contextlib.suppress:
        named = tuple(scope.value(argument) for argument in manager.args)
        return Clause(
            "with",
            node.lineno,
            text,
            doubt,
            does="nothing",
            is_broad=_is_wide(named),
            is_for_absence=_names_absence(named),
            span=_span(node),
        )
    does, is_broad = _leaving(_made_by(manager, scope))
    return Clause("with", node.lineno, text, doubt, does=does, is_broad=is_broad, span=_span(node))


def _finally(node: ast.Try | ast.TryStar, doubt: str = "") -> Clause:
    """Return the clause of a ``finally`` that leaves: whatever it returns, it does so without an error too."""
    line = node.finalbody[0].lineno
    return Clause("finally", line, "finally", doubt, does="nothing", is_broad=True, span=_span(node))


def _except(node: ast.Try | ast.TryStar, handler: ast.ExceptHandler, scope: Scope, doubt: str) -> Clause:
    named = None if handler.type is None else scope.value(handler.type)
    return Clause(
        "except",
        handler.lineno,
        _head(node, handler),
        doubt,
        does=_does(handler.body),
        is_broad=handler.type is None or _is_wide(named),
        is_for_absence=_names_absence(named),
        span=_span(node),
    )


def _head(node: ast.Try | ast.TryStar, handler: ast.ExceptHandler) -> str:
    word = "except*" if isinstance(node, ast.TryStar) else "except"
    return _text(word, *([] if handler.type is None else [ast.unparse(handler.type)]))


def _span(node: ast.stmt) -> tuple[int, int]:
    return node.lineno, node.end_lineno or node.lineno


def _is_wide(value: Any) -> bool:
    """Tell whether a clause for a value takes every ``Exception``."""
    return any(one is Exception or one is BaseException for one in (value if isinstance(value, tuple) else (value,)))


def _names_absence(value: Any) -> bool:
    return any(one is FileNotFoundError for one in (value if isinstance(value, tuple) else (value,)))


def _does(body: list[ast.stmt]) -> Does:
    if all(map(_is_idle, body)):
        return "nothing"
    own = (node for statement in body for node in (statement, *_own(statement)))
    return "raises" if any(isinstance(node, ast.Raise) for node in own) else "answers"


def _is_idle(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return):
        returned = statement.value
        return returned is None or (isinstance(returned, ast.Constant) and returned.value is None)
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_text or isinstance(statement, ast.Pass | ast.Continue)


# --- what an error meets on its way out of a function


def _met(around: list[_Step], scope: Scope, error: type[BaseException]) -> Iterator[Clause]:
    for node, part, index in reversed(around):
        if isinstance(node, ast.With | ast.AsyncWith):
            inside = node.items if part == "body" else node.items[:index]
            for item in reversed(inside):
                takes = _takes(item.context_expr, scope, error)
                if takes is not False:
                    yield _with(node, item, scope, "" if takes else "may swallow it")
        elif isinstance(node, ast.Try | ast.TryStar):
            if part == "body":
                yield from _dispatched(node, scope, error)
            if part != "finalbody" and node.finalbody:
                falls, leaves, _ = _exits(node.finalbody)
                if leaves:
                    yield _finally(node, "may leave the function" if falls else "")


def _dispatched(
    node: ast.Try | ast.TryStar, scope: Scope, error: type[BaseException], *, is_entered: bool = False
) -> Iterator[Clause]:
    for handler in node.handlers:
        is_taken = True if handler.type is None else matches(scope.value(handler.type), error)
        if is_taken is False:
            continue
        doubt = "" if is_taken else "may match"
        falls, leaves, reraises = _exits(handler.body)
        if reraises and not is_entered:
            doubt = f"handled or re-raised at L{reraises[0]}"
        if is_entered or falls or leaves:  # else its only exit is a bare raise: the error goes on
            yield _except(node, handler, scope, doubt)
        if is_taken:
            return


def _text(word: str, *parts: str) -> str:
    text = f"{word} {', '.join(parts)}".strip()
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 3] + "..."


def matches(value: Any, error: type[BaseException]) -> bool | None:
    """Tell as the interpreter does whether a clause for a value takes an error, or ``None`` if that cannot be told.

    Args:
        value: A class, a tuple of them, or what nothing is known of.
        error: Class of the error.
    """
    if isinstance(value, tuple):
        told = [matches(part, error) for part in value]
        return True if True in told else None if None in told else False
    return value in error.__mro__ if isinstance(value, type) else None


def _takes(expression: ast.expr, scope: Scope, error: type[BaseException]) -> bool | None:
    """Tell whether a context manager swallows an error, or ``None`` if that cannot be told."""
    value = scope.value(expression.func if isinstance(expression, ast.Call) else expression)
    if value is _UNKNOWN:
        return None
    if isinstance(expression, ast.Call) and (value is contextlib.suppress or _is_expectation(value)):
        return matches(tuple(scope.value(argument) for argument in expression.args), error)
    if isinstance(expression, ast.Call):
        if isinstance(value, BuiltinFunctionType):
            return False  # open, sqlite3.connect: what C functions make is written in C too
        if getattr(value, "__code__", None) in _GENERATOR_MANAGERS:
            return False
    owner = _made_by(expression, scope)
    return None if owner is None or owner is contextlib.suppress else _leaving_swallows(owner)


def _made_by(expression: ast.expr, scope: Scope) -> type | None:
    """Return the class of a context manager, or ``None`` if that cannot be told."""
    value = scope.value(expression.func if isinstance(expression, ast.Call) else expression)
    if value is _UNKNOWN:
        return None
    if not isinstance(expression, ast.Call):
        return type(value)
    if isinstance(value, FunctionType):
        value = value.__annotations__.get("return")
    return value if isinstance(value, type) else None


def _is_expectation(value: Any) -> bool:
    """Tell whether a value is ``pytest.raises``, which the engine does not import."""
    is_raises = isinstance(value, FunctionType) and value.__name__ == "raises"
    return is_raises and value.__module__.partition(".")[0] == "_pytest"


def _leaving(owner: type | None) -> tuple[Does, bool]:
    """Return what a context manager does about an error that it swallows, and whether it asks for nothing first."""
    codes = [] if owner is None else _exit_codes(owner)
    if not codes or not all(map(_only_answers, codes)):
        return "", False
    return "nothing", all(answer is True for code in codes for answer in _returns(code))


def _only_answers(code: CodeType) -> bool:
    """Tell whether a function changes nothing and asks only for the class of something."""
    steps = list(dis.get_instructions(code))
    calls = sum(step.opname.startswith("CALL") for step in steps)
    asks = sum(step.opname == "LOAD_GLOBAL" and step.argval in ("isinstance", "issubclass") for step in steps)
    return calls <= asks and not any(step.opname.startswith(_CHANGES) for step in steps)


_CHANGES = ("STORE_ATTR", "STORE_GLOBAL", "STORE_SUBSCR", "DELETE_", "RAISE_VARARGS", "SEND")


def _exit_codes(owner: type) -> list[CodeType]:
    """Return the methods by which a context manager is left, without those in C."""
    methods = (inspect.getattr_static(owner, name, None) for name in ("__exit__", "__aexit__"))
    return [method.__code__ for method in methods if isinstance(method, FunctionType)]


def _leaving_swallows(owner: type) -> bool | None:
    told: set[bool] = set()
    for code in _exit_codes(owner):  # what is written in C, locks, files and sockets, lets every error pass
        told.update(_returns(code))
        if None in told:
            return None
    return False if not any(told) else True if all(told) else None


def _returns(code: CodeType) -> Iterator[Any]:
    """Yield the truth of each constant that a function returns, and ``None`` for what is no constant."""
    before: dis.Instruction | None = None
    for step in dis.get_instructions(code):
        if step.opname == "RETURN_CONST":
            yield bool(step.argval)
        elif step.opname == "RETURN_VALUE":
            yield bool(before.argval) if before is not None and before.opname == "LOAD_CONST" else None
        before = step


def _exits(body: Iterable[ast.stmt], *, in_loop: bool = False) -> tuple[bool, bool, list[int]]:
    """Tell how a block ends: whether it may fall through, whether it may leave, and the lines of its bare raises."""
    leaves = False
    reraises: list[int] = []
    for statement in body:
        if isinstance(statement, ast.Raise) and statement.exc is None:
            return False, leaves, [*reraises, statement.lineno]
        if isinstance(statement, ast.Break | ast.Continue) and in_loop:
            return True, leaves, reraises
        if isinstance(statement, ast.Raise | ast.Return | ast.Break | ast.Continue):
            return False, True, reraises
        ends = [_exits(block, in_loop=in_loop or loop) for block, loop in _blocks(statement)]
        leaves = leaves or any(end[1] for end in ends)
        reraises += [line for end in ends for line in end[2]]
        is_exhaustive = isinstance(statement, ast.With | ast.AsyncWith) or (
            isinstance(statement, ast.If) and statement.orelse
        )
        if is_exhaustive and not any(end[0] for end in ends):
            return False, leaves, reraises
    return True, leaves, reraises


def _blocks(statement: ast.stmt) -> Iterator[tuple[list[ast.stmt], bool]]:
    """Yield the blocks of a compound statement in which a bare ``raise`` still means the same error."""
    loop = isinstance(statement, ast.For | ast.AsyncFor | ast.While)
    if isinstance(statement, ast.Match):
        yield from ((case.body, False) for case in statement.cases)
    elif not isinstance(statement, _FUNCTIONS | ast.ClassDef):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(statement, field, None)
            if block:
                yield block, loop and field == "body"
