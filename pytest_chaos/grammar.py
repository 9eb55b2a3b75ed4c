"""The grammar of the rule text: a reader written by hand, one method for each rule of the grammar.

It knows its position, so every refusal names a column. Names are imported, values are literals; nothing is evaluated.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pytest_chaos import target as targets
from pytest_chaos.errors import NotationError, SpecificationError, near_misses
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.words import FAULT_WORDS
from pytest_chaos.scenario import Rule, Term, check_function
from pytest_chaos.target import Target
from pytest_chaos.triggers import ALL_CALLS, ALWAYS, NEVER_ENDING, Hits, Trigger, checked_rate

_NUMBER = re.compile(r"-?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_DEEPEST = 50  # levels of a nested literal: the reader needs three frames for each, and Python has 1000
_MOST_DIGITS = 18  # of a count: more calls than that nobody makes, and Python reads no more than 4300 digits
_MODULE = r"[\w-]+"  # one segment: a file that is run or loaded by its path may have any name
_QUALNAME = r"(?:\w+|<\w+>)"  # one segment, also <locals>, <lambda> and <genexpr>
_MODULE_SEGMENT, _QUALNAME_SEGMENT = re.compile(_MODULE), re.compile(_QUALNAME)
BARE_DEPENDENCY = re.compile(r"[\w.:/<>+~@-]+")
"""A dependency that is written without quotes."""
BARE_FUNCTION = re.compile(rf"{_MODULE}(?:\.{_MODULE})*:{_QUALNAME}(?:\.{_QUALNAME})*")
"""A function below which a rule acts, where it is written without quotes."""
_TAKES_EXCEPTION = frozenset({"raise", "lose-reply"})

ExceptionImporter = Callable[[str], type[BaseException]]


def import_exception(name: str) -> type[BaseException]:
    """Return the exception class a name stands for: a builtin, ``module:Name`` or ``module.Name``.

    Raises:
        SpecificationError: There is none, or it is something else.
    """
    if ":" not in name and "." not in name:
        found = getattr(builtins, name, None)
        if found is None:
            known = [key for key, value in vars(builtins).items() if _is_exception(value)]
            raise SpecificationError(
                f"{name!r} is not a builtin exception",
                remedy=near_misses(name, known) or "Exceptions of modules are written 'module:Name'.",
            )
    else:
        found = _imported(name)
    if not _is_exception(found):
        raise SpecificationError(f"{name} is not an exception class", remedy="Write a builtin or 'module:Name'.")
    return found  # type: ignore[return-value]  # checked just above


def _imported(name: str) -> object:
    where = targets.Target(*name.split(":")) if ":" in name else targets.Target(name)
    canonical = targets.canonical(where)
    found: object = importlib.import_module(canonical.module)
    for part in canonical.name.split("."):
        if not hasattr(found, part):
            raise SpecificationError(f"{name}: there is no {part!r}", remedy=near_misses(part, dir(found)))
        found = getattr(found, part)
    return found


def _is_exception(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


@dataclass
class Reader:
    """A hand-written reader of the grammar: one method per rule, a position, and errors that know their column."""

    text: str
    importer: ExceptionImporter
    position: int = 0
    depth: int = 0

    # characters

    def is_at_end(self) -> bool:
        return self.position >= len(self.text)

    def peek(self, ahead: int = 0) -> str:
        index = self.position + ahead
        return self.text[index] if index < len(self.text) else ""

    def blanks(self) -> int:
        start = self.position
        while self.peek() in (" ", "\t"):
            self.position += 1
        return self.position - start

    def takes(self, token: str) -> bool:
        if self.text.startswith(token, self.position):
            self.position += len(token)
            return True
        return False

    def refuse(self, what: str, *, at: int | None = None, remedy: str = "") -> None:
        column = (self.position if at is None else at) + 1
        raise NotationError(what, text=self.text, column=column, remedy=remedy)

    def _seen(self) -> str:
        return "the end of the text" if self.is_at_end() else repr(self.peek())

    # rules

    def rules(self, source: str) -> list[Rule]:
        found = [self.rule(source)]
        while True:
            self.blanks()
            if self.is_at_end():
                return found
            if not self.takes(";"):
                self.refuse(
                    f"expected ';' or the end, got {self._seen()}",
                    remedy="A rule is written 'package.module:name = fault'; a target contains no spaces.",
                )
            self.blanks()
            if self.is_at_end():
                return found
            found.append(self.rule(source))

    def rule(self, source: str) -> Rule:
        self.blanks()
        start = self.position
        target, dependency, below = self.left()
        after_left = self.position
        self.blanks()
        if not self.takes("="):
            if self.is_at_end() or self.peek() == ";":
                left = self.text[start:after_left]
                self.refuse(
                    f"{left!r} has no fault",
                    at=after_left,
                    remedy=f"Write {f'{left} = raise(TimeoutError)'!r}. Only catalogue faults stand alone, "
                    "and the catalogue is not in this version yet.",
                )
            self.refuse(
                f"expected '=' and a fault, got {self._seen()}",
                remedy="A target contains no spaces: 'package.module:Qual.name'.",
            )
        chain = [self.term()]
        while True:
            before = self.position
            self.blanks()
            if not self.takes("->"):
                self.position = before
                break
            chain.append(self.term())
        try:
            return Rule(target, tuple(chain), source, dependency=dependency, below=below)
        except NotationError:
            raise
        except SpecificationError as error:
            self.refuse(error.what, at=start, remedy=error.remedy)
            raise AssertionError("unreachable") from None

    # the left side of a rule

    def left(self) -> tuple[Target, str, str]:
        """Return a target, its dependency and the function below which it is meant, which may be empty."""
        target, dependency, below = self.target(), self.dependency(), self.below()
        if below and self.peek() == "[":
            self.refuse("'[dependency]' stands before '@function'", remedy="Write 'm:f[api:443]@shop:pay = hang'.")
        return target, dependency, below

    def dependency(self) -> str:
        opening = self.position
        if not self.takes("["):
            return ""
        start = self.position
        if self.peek() in ("'", '"'):
            name = str(self.string())
        else:
            bare = BARE_DEPENDENCY.match(self.text, start)
            name = bare[0] if bare else ""
            self.position += len(name)
        if self.is_at_end():
            self.refuse("the bracket is not closed", at=opening, remedy=_DEPENDENCY)
        if not self.takes("]"):
            self.refuse(f"expected ']', got {self._seen()}", remedy=_DEPENDENCY)
        if not name:
            self.refuse("the name of the dependency is empty", at=start, remedy=_DEPENDENCY)
        return name

    def below(self) -> str:
        if not self.takes("@"):
            return ""
        start = self.position
        if self.peek() not in ("'", '"'):
            module = self._dotted(_MODULE_SEGMENT)
            if not self.takes(":"):
                self.refuse(f"expected ':' and a function, got {self._seen()}", remedy=_FUNCTION)
            return f"{module}:{self._dotted(_QUALNAME_SEGMENT)}"
        name = str(self.string())
        try:
            check_function(name)
        except SpecificationError as error:
            self.refuse(error.what, at=start, remedy=error.remedy)
        return name

    def _dotted(self, segment: re.Pattern[str]) -> str:
        """Return segments with dots between them, of the name of a function."""
        start = self.position
        while True:
            found = segment.match(self.text, self.position)
            self.position = found.end() if found else self.position
            if self.peek() in ("*", "?"):
                self.refuse("a glob is not allowed after '@'", remedy="Write one rule for each function.")
            if found is None:
                self.refuse(f"expected the name of a function, got {self._seen()}", remedy=_FUNCTION)
            if not self.takes("."):
                return self.text[start : self.position]

    def target(self) -> Target:
        start = self.position
        module = self.path(in_module=True)
        separator, name = ":", ""
        if self.peek() in (":", "/") and not self.is_at_end():
            separator = self.peek()
            self.position += 1
            name = self.path(in_module=separator == "/")
        if "-" in module + name and separator == ":":
            # The grammar keeps hyphens for catalogue names, which this version does not have.
            dash = self.text.index("-", start)
            self.refuse(
                "'-' stands only in catalogue names, and the catalogue is not in this version yet",
                at=dash,
                remedy="Python names have '_'.",
            )
        return Target(module, name, separator)

    def path(self, *, in_module: bool) -> str:
        segments = [self.segment(in_module=in_module)]
        while self.peek() == ".":
            self.position += 1
            segments.append(self.segment(in_module=in_module))
        return ".".join(segments)

    def segment(self, *, in_module: bool) -> str:
        start = self.position
        while _is_name_char(self.peek()) or (
            self.peek() == "-" and self.position > start and _is_name_char(self.peek(1))
        ):
            self.position += 1
        word = self.text[start : self.position]
        if not word:
            self.refuse(
                f"expected a name, got {self._seen()}", remedy="Targets are written 'package.module:Qual.name'."
            )
        if word[0].isdigit():
            self.refuse(f"a name cannot begin with {word[0]!r}", at=start)
        if "**" in word and (word != "**" or not in_module):
            self.refuse(
                "'**' stands alone between dots, and only in the module part",
                at=start + word.index("**"),
                remedy="It means any number of packages: 'shop.**:fetch_*'.",
            )
        return word

    # terms

    def term(self) -> Term:
        self.blanks()
        rate = self.rate()
        self.blanks()
        hits = self.hits()
        if hits is not None and self.peek() == "*":
            self.refuse("a space is needed between hits and times", remedy="Write '#3 2*hang'.")
        gap_start = self.position
        gap = self.blanks()
        times = self.times()
        if times is not None and hits is not None and not gap:
            self.refuse("a space is needed between hits and times", at=gap_start, remedy="Write '#3 2*hang'.")
        self.blanks()
        fault = self.fault()
        if rate is None and hits is None and times is None:
            return Term(fault)
        trigger = Trigger(rate=1.0 if rate is None else rate, hits=hits or ALL_CALLS, times=times)
        return Term(fault, ALWAYS if trigger == ALWAYS else trigger)

    def rate(self) -> float | None:
        start = self.position
        found = re.compile(r"(\d+(?:\.\d+)?)(\s*)%").match(self.text, start)
        if found is None:
            return None
        if found[2]:
            self.refuse("no space is allowed before '%'", at=found.start(2))
        share = Decimal(found[1])
        if share > 100:
            self.refuse(f"a rate lies between 0% and 100%, got {found[1]}%", at=start)
        self.position = found.end()
        return checked_rate(float(share.scaleb(-2)))

    def hits(self) -> Hits | None:
        start = self.position
        if not self.takes("#"):
            return None
        first = self.count(start)
        if self.takes(".."):
            if not self.peek().isdigit():
                return Hits(first=first)
            at = self.position
            last = self.count(at)
            if last < first:
                self.refuse(f"the range #{first}..{last} is empty", at=at)
            return Hits.listed([first]) if last == first else Hits(first=first, last=last)
        if self.takes("+"):
            step = self.count(self.position)
            return Hits(first=first, step=step)
        numbers = [first]
        while self.takes(","):
            numbers.append(self.count(self.position))
        return Hits.listed(numbers)

    def count(self, blame: int) -> int:
        start = self.position
        while self.peek().isascii() and self.peek().isdigit():
            self.position += 1
        digits = self.text[start : self.position]
        if not digits:
            self.refuse(f"expected a number, got {self._seen()}")
        return self.whole(digits, blame, "calls are counted from 1")

    def whole(self, digits: str, blame: int, floor: str) -> int:
        """Return a count, which is at least 1."""
        if len(digits) > _MOST_DIGITS:
            self.refuse("the number has too many digits", at=blame)
        if int(digits) < 1:
            self.refuse(floor, at=blame)
        return int(digits)

    def times(self) -> int | None:
        start = self.position
        found = re.compile(r"(\d+)([ \t]*)\*").match(self.text, start)
        if found is None:
            return None
        if found[2]:
            self.refuse("no space is allowed before '*'", at=found.start(2))
        self.position = found.end()
        return self.whole(found[1], start, "times must be at least 1")

    # faults

    def fault(self) -> Fault:
        start = self.position
        found = _WORD.match(self.text, start)
        if found is None:
            word = re.compile(r"[\w-]+").match(self.text, start)
            guess = near_misses(word[0], FAULT_WORDS) if word else ""
            seen = repr(word[0]) if word else self._seen()
            self.refuse(f"expected a fault, got {seen}", remedy=guess or _fault_list())
            raise AssertionError("unreachable")
        word_text = found[0]
        self.position = found.end()
        if self.peek() == "/":
            self.refuse("the catalogue of library faults is not in this version yet", at=start, remedy=_fault_list())
        if word_text not in FAULT_WORDS or _is_name_char(self.peek()):
            rest = re.compile(r"[\w-]*").match(self.text, start)
            shown = rest[0] if rest else word_text
            self.refuse(
                f"unknown fault {shown!r}", at=start, remedy=near_misses(shown.lower(), FAULT_WORDS) or _fault_list()
            )
        args, kwargs = self.arguments(takes_exception=word_text in _TAKES_EXCEPTION)
        try:
            return FAULT_WORDS[word_text](*args, **kwargs)
        except SpecificationError as error:
            self.refuse(error.what, at=start, remedy=error.remedy)
        except TypeError:
            self.refuse(
                f"{word_text} does not take these arguments", at=start, remedy=f"For instance {_SAMPLES[word_text]}."
            )
        raise AssertionError("unreachable")

    def arguments(self, *, takes_exception: bool) -> tuple[list[Any], dict[str, Any]]:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        start = self.position
        self.blanks()
        if not self.takes("("):
            self.position = start
            return args, kwargs
        self.blanks()
        while not self.takes(")"):
            at = self.position
            name = self.keyword()
            if name is None and kwargs:
                self.refuse(
                    "a positional argument follows a keyword argument", at=at, remedy="Positional arguments come first."
                )
            if name in kwargs:
                self.refuse(f"{name} is given twice", at=at)
            value = self.exception() if takes_exception and not args and not kwargs else self.literal()
            if name is None:
                args.append(value)
            else:
                kwargs[name] = value
            self.blanks()
            if self.takes(","):
                self.blanks()
            elif self.peek() != ")":
                self.refuse(f"expected ',' or ')', got {self._seen()}", remedy="Arguments are literals.")
        return args, kwargs

    def keyword(self) -> str | None:
        found = re.compile(r"([A-Za-z_]\w*)[ \t]*=[ \t]*(?!=)").match(self.text, self.position)
        if found is None:
            return None
        self.position = found.end()
        return found[1]

    def exception(self) -> type[BaseException]:
        start = self.position
        found = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*(?::[^\W\d]\w*(?:\.[^\W\d]\w*)*)?").match(self.text, start)
        if found is None:
            self.refuse(f"expected an exception, got {self._seen()}", remedy="Write a builtin or 'module:Name'.")
            raise AssertionError("unreachable")
        self.position = found.end()
        self.blanks()
        if self.peek() not in (",", ")"):
            self.refuse(
                f"expected ',' or ')', got {self._seen()}", remedy="Name the exception class; nothing is called."
            )
        self.position = found.end()
        try:
            return self.importer(found[0])
        except SpecificationError as error:
            self.refuse(error.what, at=start, remedy=error.remedy)
        except Exception as error:  # noqa: BLE001  # importing a module runs its code, which may raise anything
            self.refuse(f"importing {found[0]} raised {error!r}", at=start)
        raise AssertionError("unreachable")

    # literals

    def literal(self) -> Any:
        if self.depth >= _DEEPEST:
            self.refuse(f"values are nested more than {_DEEPEST} deep")
        self.depth += 1
        try:
            return self._literal()
        finally:
            self.depth -= 1

    def _literal(self) -> Any:
        start = self.position
        char = self.peek()
        if char in ("'", '"') or (char in ("b", "B") and self.peek(1) in ("'", '"')):
            return self.string()
        if char == "[":
            return self.sequence("[", "]")[0]
        if char == "(":
            items, comma = self.sequence("(", ")")
            if len(items) == 1 and not comma:
                self.refuse("a tuple of one item needs a comma", at=start, remedy="Write '(1,)'.")
            return tuple(items)
        if char == "{":
            return self.mapping()
        for word, value in (("None", None), ("True", True), ("False", False)):
            if self.text.startswith(word, start) and not _is_name_char(self.peek(len(word))):
                self.position += len(word)
                return value
        found = _NUMBER.match(self.text, start)
        if found is not None:
            self.position = found.end()
            return self.number(found[0], start)
        self.refuse(
            f"expected a literal, got {self._seen()}",
            remedy="Strings, numbers, None, True, False, lists, tuples, dicts.",
        )
        raise AssertionError("unreachable")

    def number(self, digits: str, start: int) -> int | float:
        if _is_name_char(self.peek()):
            self.refuse(f"not a decimal number: {digits + self.peek()!r}", at=start)
        try:
            value = ast.literal_eval(digits)
        except (SyntaxError, ValueError):
            self.refuse(f"not a decimal number: {digits!r}", at=start)
        if isinstance(value, float) and value in (NEVER_ENDING, -NEVER_ENDING):
            self.refuse("the number is too large to be finite", at=start)
        return value  # type: ignore[no-any-return]  # a literal of digits is an int or a float

    def string(self) -> str | bytes:
        start = self.position
        if self.peek() in ("b", "B"):
            self.position += 1
        quote = self.peek()
        self.position += 1
        while self.peek() != quote:
            if self.is_at_end() or self.peek() in ("\n", "\r"):
                self.refuse("the string is not closed", at=start)
            self.position += 2 if self.peek() == "\\" else 1
        self.position += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an unknown escape is kept, whatever the run does with warnings
                return ast.literal_eval(self.text[start : self.position])  # type: ignore[no-any-return]  # a string
        except (SyntaxError, ValueError) as error:
            self.refuse(f"not a string: {error}", at=start)
            raise AssertionError("unreachable") from None

    def sequence(self, opening: str, closing: str) -> tuple[list[Any], bool]:
        self.takes(opening)
        items: list[Any] = []
        comma = False
        self.blanks()
        while not self.takes(closing):
            items.append(self.literal())
            comma = self._separator(closing)
        return items, comma

    def mapping(self) -> dict[Any, Any]:
        start = self.position
        self.takes("{")
        found: dict[Any, Any] = {}
        self.blanks()
        while not self.takes("}"):
            at = self.position
            key = self.literal()
            self.blanks()
            if not self.takes(":"):
                what = "sets are not literals here" if not found else f"expected ':', got {self._seen()}"
                self.refuse(what, at=start if not found else None)
            self.blanks()
            try:
                found[key] = self.literal()
            except TypeError:
                self.refuse("a key cannot be a list or a dict", at=at)
            self._separator("}")
        return found

    def _separator(self, closing: str) -> bool:
        self.blanks()
        comma = self.takes(",")
        self.blanks()
        if not comma and self.peek() != closing:
            self.refuse(f"expected ',' or {closing!r}, got {self._seen()}", remedy="Values are literals.")
        return comma


def _is_name_char(char: str) -> bool:
    return char != "" and (char.isalnum() or char in "_*?")


_DEPENDENCY = "Write 'm:f[api.example.com:443]'; a name with other characters is a string: \"m:f['/a b.db']\"."
_FUNCTION = "Write 'm:f@package.module:Qual.name'."
_SAMPLES = {
    "raise": "raise(TimeoutError)",
    "hang": "hang or hang(2)",
    "null": "null",
    "return": "return(42)",
    "delay": "delay(0.2) or delay(0.2, 0.05)",
    "corrupt": "corrupt",
    "cancel": "cancel",
    "lose-reply": "lose-reply(ConnectionError)",
    "duplicate": "duplicate",
    "stale": "stale",
    "disk-full": "disk-full",
    "answer": "answer(503) or answer(429, headers={'Retry-After': '1'})",
}


def _fault_list() -> str:
    return f"Faults are {', '.join(_SAMPLES[word] for word in FAULT_WORDS)}."
