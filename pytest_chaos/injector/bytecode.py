"""The splice: a prologue for a function's own bytecode, written by the running interpreter's own compiler.

The prologue is the code of ``if next(GET()) and FIRE(<parameters>): return TAKE()``; before CPython 3.12 ``GET()()``
stands in the place of ``next(GET())``, because a profiler is told of calls of ``next`` there. Its question stands
before everything else, also before the instruction that makes a generator or coroutine, so it runs at the call, and
every parameter is still the value that was passed. Its answer stands behind the body::

    if not (next(GET()) and FIRE(<parameters>)): goto body
    goto answer
    body:    the function's own code
    answer:  make the cells, as the body does; RESUME; return TAKE()

A frame is complete for the interpreter from the first ``RESUME`` of its code on, and that is still the body's. So
nothing sees the question, and a call that passes looks to tracers, coverage and tracebacks as it always does. An
answered call is a complete frame of the function on the line where its definition begins: its end must be told to
tracers together with its beginning, or they take it for the end of the caller.

Jumps are relative, so the body moves unchanged; only the exception table, which counts from the start, and the line
table, which gets entries at both ends, are written again.

No number of an opcode stands here: names and bytes come from ``dis`` and from compiled templates.
"""

from __future__ import annotations

import dis
import functools
import itertools
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, NamedTuple

from pytest_chaos.errors import ChaosError

_LARGEST_OPERAND = 255  # one byte; a longer operand would need a prefix, and nobody writes such functions
_LONGEST_JUMP = 2**24 - 1  # code units, in three operands
_UNIT = 2  # bytes of a code unit
_LONGEST_LINE_ENTRY = 8  # code units that one entry of the line table can cover
_NO_LINE = 0x80 | (15 << 3)  # "no location", Objects/locations.md of CPython
_LINE_ONLY = 0x80 | (13 << 3)  # "no column info"; the difference to the line before it follows
# Before 3.12 a profiler is handed the frame that makes a C call, even an incomplete one. If that lacks its cells yet,
# or will be moved, what is handed out points to nothing. Of a call of ``partial`` or of a method of C nobody is told.
_SHOWS_C_CALLS = not hasattr(sys, "monitoring")
# The builtin as it is before anything is armed: a fault may stand on its name.
_STEP: tuple[Any, ...] = () if _SHOWS_C_CALLS else (next,)
STEPS = not _SHOWS_C_CALLS
"""Whether an entry is an iterator, for ``next`` to step, and not a function."""
_QUESTION = "'get'()()" if _SHOWS_C_CALLS else "'next'('get'())"
_MARKS = ("get", "fire", "take") if _SHOWS_C_CALLS else ("next", "get", "fire", "take")
_END = "end"


Entry = Any  # an iterator over verdicts, or its ``__next__``


def entry_over(verdicts: Iterator[int]) -> Entry:
    """Return what a prologue on this interpreter asks, made of an iterator over verdicts.

    To call the builtin ``next`` is quicker than to call a method of C.
    """
    return verdicts.__next__ if _SHOWS_C_CALLS else verdicts


def ask(asked: Entry) -> int:
    """Ask an entry as a prologue does."""
    verdict: int = asked() if _SHOWS_C_CALLS else next(asked)
    return verdict


class CannotSplice(ChaosError):  # noqa: N818  # a verdict about one function, caught by the choice of a mechanism
    """This code cannot be given a prologue; the message says why."""


class _Template(NamedTuple):
    """The compiled prologue of all functions with the same number of parameters."""

    code: bytearray
    operands: tuple[tuple[int, int], ...]  # position of a constant's operand byte, and which constant it is
    answer: int  # where the answer begins
    resume: bytes
    stacksize: int


class _Prologue(NamedTuple):
    """The prologue of all functions with the same numbers of parameters and of constants."""

    question: bytes
    pad: bytes  # between the jump to the answer and the body
    answer: bytes
    units: int  # how far the body is moved
    stacksize: int
    no_lines: bytes  # entries of the line table for what stands before the body


def parameters(code: CodeType) -> int:
    """Return how many parameter slots a function has, ``*args`` and ``**kwargs`` counted as one each."""
    count = code.co_argcount + code.co_kwonlyargcount
    rest = code.co_flags & _REST
    return count if not rest else count + 1 + (rest == _REST)


def spliced(code: CodeType, get: Callable[[], Any], fire: Callable[..., bool], take: Callable[[], Any]) -> CodeType:
    """Return the code with a prologue.

    Args:
        code: The code of a Python function.
        get: Returns an :func:`entry_over`; while that gives 0, the call passes.
        fire: Called with the raw parameter slots in the order of ``co_varnames``; tells whether a fault acts.
        take: Called when ``fire`` said so; what it returns or raises is the answer.

    Raises:
        CannotSplice: It has too many constants or parameters, or too long a body.
    """
    if _SHOWS_C_CALLS and (code.co_freevars or code.co_flags & _MADE_LATER):
        get = functools.partial(get)
    constants = code.co_consts
    known = parameters(code), len(constants)
    prologue = _PROLOGUES.get(known)
    if prologue is None:
        prologue = _PROLOGUES[known] = _prologue(code)
    body = code.co_code
    # The cells of variables that closures share: to look at the variables of a frame without them is a crash.
    cells = body[: _start(body)] if code.co_freevars or code.co_cellvars else b""
    distance = (len(prologue.pad) + len(body) + len(_APART)) // _UNIT
    if distance > _LONGEST_JUMP:
        raise CannotSplice(f"{code.co_qualname} has {len(body)} bytes of code")
    answer = prologue.answer
    lines = code.co_linetable
    handlers = code.co_exceptiontable
    stacksize = code.co_stacksize
    return code.replace(
        co_code=b"".join((prologue.question, _jump(distance), prologue.pad, body, _APART, cells, answer)),
        co_consts=(*constants, *_STEP, get, fire, take),
        co_stacksize=stacksize if stacksize > prologue.stacksize else prologue.stacksize,
        co_linetable=prologue.no_lines + lines + _lines_behind(len(cells), len(answer), -_lines_in(lines)),
        co_exceptiontable=_moved(handlers, prologue.units) if handlers else handlers,
    )


@functools.lru_cache(maxsize=4096)
def _jump(distance: int) -> bytes:
    return bytes((_EXTENDED, distance >> 16, _EXTENDED, distance >> 8 & 0xFF, _JUMP, distance & 0xFF))


_PROLOGUES: dict[tuple[int, int], _Prologue] = {}


def _prologue(code: CodeType) -> _Prologue:
    count, constants = parameters(code), len(code.co_consts)
    if constants + len(_MARKS) > _LARGEST_OPERAND + 1:
        raise CannotSplice(f"{code.co_qualname} has {constants} constants")
    if count > _LARGEST_OPERAND:
        raise CannotSplice(f"{code.co_qualname} has {count} parameters")
    template = _template(count)
    written = template.code.copy()
    for position, which in template.operands:
        written[position] = constants + which
    # The jump to the answer stands where the answer stood, and is as long: the jumps over it need not be written again.
    pad = _NOTHING * ((len(written) - template.answer - _JUMP_SIZE) // _UNIT)
    units = len(written) // _UNIT
    answer = template.resume + written[template.answer :]
    return _Prologue(bytes(written[: template.answer]), pad, answer, units, template.stacksize, _no_lines(units))


@functools.cache
def _template(count: int) -> _Template:
    names = ", ".join(f"p{index}" for index in range(count))
    source = f"def template({names}):\n if {_QUESTION} and 'fire'({names}): return 'take'()\n return '{_END}'\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # "'str' object is not callable": it will not stay a str
        module = compile(source, "<pytest-chaos prologue>", "exec", dont_inherit=True)
    template = next(constant for constant in module.co_consts if isinstance(constant, CodeType))
    instructions = list(dis.get_instructions(template))
    resume, first = next(pair for pair in itertools.pairwise(instructions) if pair[0].opcode == _RESUME)
    start = first.offset
    end = next(one.offset for one in instructions if one.argval == _END)
    inside = [one for one in instructions if start <= one.offset < end]
    operands = tuple(
        (one.offset - start + 1, _MARKS.index(one.argval))
        for one in inside
        if one.opcode in dis.hasconst and one.argval in _MARKS
    )
    jumps = [one for one in inside if one.opcode in dis.hasjrel]
    # The answer begins behind the last jump over it, and its caches.
    answer = next((one.offset for one in inside if jumps and one.offset > jumps[-1].offset), end)
    if (
        sorted(which for _, which in operands) != list(range(len(_MARKS)))
        or {one.argval for one in jumps} != {end}
        or end - answer < _JUMP_SIZE
        or not all(answer <= start + position for position, which in operands if which == _MARKS.index("take"))
    ):
        raise CannotSplice("this interpreter compiles the prologue into something unknown")
    return _Template(
        code=bytearray(template.co_code[start:end]),
        operands=operands,
        answer=answer - start,
        resume=template.co_code[resume.offset : start],
        stacksize=template.co_stacksize,
    )


def _start(body: bytes) -> int:
    """Return where a body begins in earnest, its cells being made."""
    return next(index for index in range(0, len(body), _UNIT) if body[index] in _BEGINNINGS)


# --- the line table


# An entry begins with a byte with bit 7, no other byte has it, and bits 3 to 6 tell of which kind the entry is. Most
# stay on their line; kind 11 goes one line further, 12 two lines, and 13 and 14 as far as the number that follows says.
_NEAR = bytes(max(0, (byte >> 3) - 0x1A) if byte >> 3 in (0x1B, 0x1C) else 0 for byte in range(256))
_NOT_NEAR = bytes(byte for byte in range(256) if not _NEAR[byte])
_FAR = b"\xe8"
_ALL_FAR_ALIKE = bytes.maketrans(bytes(range(0xE8, 0xF8)), 16 * _FAR)


def _lines_in(table: bytes) -> int:
    """Return how many lines after its first one a line table ends."""
    near = table.translate(_NEAR, _NOT_NEAR)
    lines = len(near) + near.count(2)
    pieces = table.translate(_ALL_FAR_ALIKE).split(_FAR)
    del pieces[0]
    for piece in pieces:
        number = piece[0]
        if number > 0x3F:  # more digits follow, the lowest is the first
            number = _number(piece)
        lines += -(number >> 1) if number & 1 else number >> 1
    return lines


def _number(digits: bytes) -> int:
    number = 0
    for position, digit in enumerate(digits):
        number |= (digit & 0x3F) << 6 * position
        if digit <= 0x3F:
            break
    return number


@functools.lru_cache(maxsize=4096)
def _lines_behind(cells: int, answer: int, difference: int) -> bytes:
    """Return the entries for what stands behind a body: the answer alone is on a line, so many after the last."""
    entries = bytearray(_no_lines((len(_APART) + cells) // _UNIT))
    for units in _pieces(answer // _UNIT):
        entries.append(_LINE_ONLY | (units - 1))
        number = -difference << 1 | 1 if difference < 0 else difference << 1
        while number > 0x3F:
            entries.append(number & 0x3F | 0x40)
            number >>= 6
        entries.append(number)
        difference = 0
    return bytes(entries)


def _no_lines(units: int) -> bytes:
    return bytes(_NO_LINE | (piece - 1) for piece in _pieces(units))


def _pieces(units: int) -> list[int]:
    whole, rest = divmod(units, _LONGEST_LINE_ENTRY)
    return [_LONGEST_LINE_ENTRY] * whole + [rest] * bool(rest)


# --- the exception table: entries of four numbers (start, length, target, depth), in base 64 with the highest first;
# bit 7 marks the first byte of an entry and bit 6 every byte that is followed by another of its number
# (Objects/exception_handling_notes.txt of CPython).


_entries = re.compile(
    rb"([\xc0-\xff][\x40-\x7f]*[\x00-\x3f]|[\x80-\xbf])" + 3 * rb"([\x40-\x7f]*[\x00-\x3f])", re.DOTALL
).findall


class _Moves(dict[bytes, bytes]):
    """From a number, as it stands in an exception table, to one so many units larger, each worked out once."""

    def __init__(self, units: int) -> None:
        self._units = units

    def __missing__(self, digits: bytes) -> bytes:
        number = self._units
        for position, digit in enumerate(reversed(digits)):
            number += (digit & 0x3F) << 6 * position
        moved = [number & 0x3F]
        while number := number >> 6:
            moved.append(number & 0x3F | 0x40)
        moved[-1] |= digits[0] & 0x80
        self[digits] = value = bytes(reversed(moved))
        return value


_moves_by = functools.cache(_Moves)


def _moved(table: bytes, units: int) -> bytes:
    moves = _moves_by(units)
    moved: list[bytes] = []
    append = moved.append
    for start, length, target, depth in _entries(table):
        append(moves[start])
        append(length)
        append(moves[target])
        append(depth)
    return b"".join(moved)


# --- of the running interpreter

_RESUME = dis.opmap.get("RESUME", -1)
_BEGINNINGS = {_RESUME, dis.opmap.get("RETURN_GENERATOR", -1)}
_EXTENDED, _JUMP = dis.EXTENDED_ARG, dis.opmap.get("JUMP_FORWARD", -1)
_JUMP_SIZE = 3 * _UNIT
_NOTHING = bytes((dis.opmap.get("NOP", 0), 0))
# Whoever looks at what follows an instruction, as coverage does, must not find a RESUME behind the body's last: that
# is what follows a yield.
_APART = _NOTHING


def _flag(name: str) -> int:
    return next(flag for flag, known in dis.COMPILER_FLAG_NAMES.items() if known == name)


CO_VARARGS, CO_VARKEYWORDS = _flag("VARARGS"), _flag("VARKEYWORDS")
_REST = CO_VARARGS | CO_VARKEYWORDS
_MADE_LATER = _flag("GENERATOR") | _flag("COROUTINE") | _flag("ASYNC_GENERATOR")  # their frames move before they run
