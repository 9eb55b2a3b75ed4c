"""Spelling: a piece of source on one line, in a form that stays the same however it is laid out.

Comments, line ends and the blanks around brackets and commas are no part of it, nor is a comma before a closing
bracket that makes no tuple.
"""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_LAYOUT = frozenset(
    {tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
# From 3.12 on an f-string is several tokens, and before it is one.
_BEGINS = frozenset(getattr(tokenize, name) for name in ("FSTRING_START", "TSTRING_START") if hasattr(tokenize, name))
_ENDS = frozenset(getattr(tokenize, name) for name in ("FSTRING_END", "TSTRING_END") if hasattr(tokenize, name))

Position = tuple[int, int]
"""Line from 1, and column in characters."""


class Word(NamedTuple):
    """One token of the source.

    Attributes:
        text: How it is written; a string with each run of blanks and line ends as one blank.
        begin: Where it begins.
        end: Where it ends.
    """

    text: str
    begin: Position
    end: Position


def words_of(lines: Sequence[str]) -> list[Word] | None:
    """Return the tokens of a source file that are no layout, or ``None`` if it cannot be read.

    Args:
        lines: Its lines, with their ends.
    """
    try:
        return list(_words(lines))
    except (tokenize.TokenError, SyntaxError):
        return None


def spelled(words: Sequence[Word]) -> str:
    """Return tokens that follow each other as one line."""
    kept = [word for word, is_idle in zip(words, _idle_commas(words), strict=True) if not is_idle]
    text = ""
    for before, word in zip([None, *kept], kept, strict=False):
        text += word.text if before is None or not _is_apart(before, word) else f" {word.text}"
    return text


def _words(lines: Sequence[str]) -> Iterator[Word]:
    depth, begin = 0, (0, 0)
    for token in tokenize.generate_tokens(io.StringIO("".join(lines)).readline):
        if token.type in _BEGINS:
            depth, begin = depth + 1, begin if depth else token.start
        elif token.type in _ENDS:
            depth -= 1
            if not depth:
                yield Word(_on_one_line(_between(lines, begin, token.end)), begin, token.end)
        elif not depth and token.type not in _LAYOUT:
            yield Word(_on_one_line(token.string), token.start, token.end)


def _between(lines: Sequence[str], begin: Position, end: Position) -> str:
    found = [*lines[begin[0] - 1 : end[0]]]
    found[-1] = found[-1][: end[1]]
    found[0] = found[0][begin[1] :]
    return "".join(found)


def _is_apart(before: Word, word: Word) -> bool:
    if before.text in _OPENING or word.text in _CLOSING or word.text == ",":
        return False
    if before.text == ",":
        return True
    is_split = before.end[0] != word.begin[0]
    if is_split and "." in (before.text, word.text):
        return False  # one call of a chain on each line
    return is_split or before.end != word.begin


def _idle_commas(words: Sequence[Word]) -> Iterator[bool]:
    """Tell of each token whether it is a comma before a closing bracket without which that means the same."""
    open_: list[tuple[bool, bool]] = []  # of each bracket: whether it may be a tuple, and whether it holds other commas
    for index, word in enumerate(words):
        is_last = index + 1 < len(words) and words[index + 1].text in _CLOSING
        is_idle = False
        if word.text in _OPENING:
            open_.append((word.text == "(" and not (index and _can_be_called(words[index - 1])), False))
        elif word.text in _CLOSING and open_:
            open_.pop()
        elif word.text == "," and open_:
            may_be_tuple, has_others = open_[-1]
            is_idle = is_last and (has_others or not may_be_tuple)
            open_[-1] = may_be_tuple, True
        yield is_idle


def _can_be_called(word: Word) -> bool:
    is_name = word.text.isidentifier() and not keyword.iskeyword(word.text)
    return is_name or word.text in _CLOSING


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
