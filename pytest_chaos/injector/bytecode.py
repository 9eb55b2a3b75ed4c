"""The splice: a prologue in front of a function's own bytecode, written by the running interpreter's own compiler.

The prologue is the code of ``if GET()() and FIRE(<parameters>): return TAKE()``. It stands before everything else, also
before the instruction that makes a generator or coroutine, so it runs at the call, and every parameter is still the
value that was passed. Jumps are relative, so the body moves unchanged; only the exception table, which counts from the
start, and the line table, which gets entries without a line, are written again. While the prologue runs its frame is
not complete for the interpreter: tracebacks, tracers and coverage never see it.

No number of an opcode stands here: names and bytes come from ``dis`` and from compiled templates.
"""

from __future__ import annotations

import dis
import functools
import itertools
import warnings
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, NamedTuple

from pytest_chaos.errors import ChaosError

_LARGEST_OPERAND = 255  # one byte; a longer operand would need a prefix, and nobody writes such functions
_UNIT = 2  # bytes of a code unit
_LONGEST_LINE_ENTRY = 8  # code units that one entry of the line table can cover
_NO_LINE = 0x80 | (15 << 3)  # "no location", Objects/locations.md of CPython
_MARKS = ("get", "fire", "take")
_END = "end"


class CannotSplice(ChaosError):  # noqa: N818  # a verdict about one function, caught by the choice of a mechanism
    """This code cannot be given a prologue; the message says why."""


class _Prologue(NamedTuple):
    """The compiled prologue of all functions with the same number of parameters."""

    code: bytes
    operands: tuple[tuple[int, int], ...]  # position of a constant's operand byte, and which constant it is
    stacksize: int


def parameters(code: CodeType) -> int:
    """Return how many parameter slots a function has, ``*args`` and ``**kwargs`` counted as one each."""
    flags = code.co_flags
    rest = bool(flags & CO_VARARGS) + bool(flags & CO_VARKEYWORDS)
    return code.co_argcount + code.co_kwonlyargcount + rest


def spliced(code: CodeType, get: Callable[[], Any], fire: Callable[..., bool], take: Callable[[], Any]) -> CodeType:
    """Return the code with a prologue in front.

    Args:
        code: The code of a Python function.
        get: Returns a callable without arguments; while that returns 0, the call passes.
        fire: Called with the raw parameter slots in the order of ``co_varnames``; tells whether a fault acts.
        take: Called when ``fire`` said so; what it returns or raises is the answer.

    Raises:
        CannotSplice: It has too many constants or parameters.
    """
    count = parameters(code)
    constants = code.co_consts
    if len(constants) + len(_MARKS) > _LARGEST_OPERAND + 1:
        raise CannotSplice(f"{code.co_qualname} has {len(constants)} constants")
    if count > _LARGEST_OPERAND:
        raise CannotSplice(f"{code.co_qualname} has {count} parameters")
    prologue = _prologue(count)
    written = bytearray(prologue.code)
    for position, which in prologue.operands:
        written[position] = len(constants) + which
    units = len(written) // _UNIT
    return code.replace(
        co_code=bytes(written) + code.co_code,
        co_consts=(*constants, get, fire, take),
        co_stacksize=max(code.co_stacksize, prologue.stacksize),
        co_linetable=_no_lines(units) + code.co_linetable,
        co_exceptiontable=_moved(code.co_exceptiontable, units),
    )


@functools.cache
def _prologue(count: int) -> _Prologue:
    names = ", ".join(f"p{index}" for index in range(count))
    source = f"def template({names}):\n if 'get'()() and 'fire'({names}): return 'take'()\n return '{_END}'\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # "'str' object is not callable": it will not stay a str
        module = compile(source, "<pytest-chaos prologue>", "exec", dont_inherit=True)
    template = next(constant for constant in module.co_consts if isinstance(constant, CodeType))
    instructions = list(dis.get_instructions(template))
    start = next(after.offset for before, after in itertools.pairwise(instructions) if _resumes(before))
    end = next(one.offset for one in instructions if one.argval == _END)
    inside = [one for one in instructions if start <= one.offset < end]
    operands = tuple(
        (one.offset - start + 1, _MARKS.index(one.argval))
        for one in inside
        if one.opcode in dis.hasconst and one.argval in _MARKS
    )
    targets = {one.argval for one in inside if one.opcode in dis.hasjrel}
    if sorted(which for _, which in operands) != [0, 1, 2] or targets != {end}:
        raise CannotSplice("this interpreter compiles the prologue into something unknown")
    return _Prologue(template.co_code[start:end], operands, template.co_stacksize)


def _resumes(instruction: dis.Instruction) -> bool:
    return instruction.opname == "RESUME"


def _no_lines(units: int) -> bytes:
    entries = bytearray()
    while units > 0:
        length = min(units, _LONGEST_LINE_ENTRY)
        entries.append(_NO_LINE | (length - 1))
        units -= length
    return bytes(entries)


# --- the exception table: entries of four numbers (start, length, target, depth), in base 64 with the highest first;
# bit 7 marks the first byte of an entry and bit 6 every byte that is followed by another of its number
# (Objects/exception_handling_notes.txt of CPython).


def _moved(table: bytes, units: int) -> bytes:
    moved = bytearray()
    for start, length, target, depth in _entries(table):
        entry = b"".join(map(_varint, (start + units, length, target + units, depth)))
        moved.append(entry[0] | 0x80)
        moved += entry[1:]
    return bytes(moved)


def _entries(table: bytes) -> Iterator[tuple[int, ...]]:
    numbers: list[int] = []
    number = 0
    for byte in table:
        number = number << 6 | byte & 0x3F
        if not byte & 0x40:
            numbers.append(number)
            number = 0
            if len(numbers) == 4:
                yield tuple(numbers)
                numbers = []


def _varint(number: int) -> bytes:
    digits = [number & 0x3F]
    while number := number >> 6:
        digits.append(number & 0x3F | 0x40)
    return bytes(reversed(digits))


CO_VARARGS, CO_VARKEYWORDS = (
    next(flag for flag, name in dis.COMPILER_FLAG_NAMES.items() if name == wanted)
    for wanted in ("VARARGS", "VARKEYWORDS")
)
