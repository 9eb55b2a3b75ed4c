"""One line of text <-> a rule: ``shop.db:query = 2*raise(ConnectionError)->null``.

``parse`` and ``format_rule`` are inverse on every rule that has a text. Names are imported, values are literals,
and nothing in a text is ever evaluated as code. The grammar is printed in the docs under *Rule text*.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pytest_chaos import target as targets
from pytest_chaos.errors import SpecificationError
from pytest_chaos.faults.base import Fault, as_fault
from pytest_chaos.faults.instances import RaisingFault
from pytest_chaos.faults.words import FAULT_WORDS
from pytest_chaos.grammar import BARE_DEPENDENCY, BARE_FUNCTION, ExceptionImporter, Reader, import_exception
from pytest_chaos.scenario import Rule, Term
from pytest_chaos.target import Target
from pytest_chaos.triggers import ALL_CALLS, ALWAYS, NEVER_ENDING, Hits, trigger_from

# --- text -> rules


def parse(text: str, source: str = "", importer: ExceptionImporter | None = None) -> list[Rule]:
    """Return the rules of a text; several are separated by ``;``.

    Args:
        text: One or more rules.
        source: Where the text was written; kept on each rule and named in errors.
        importer: Turns the name of an exception into its class. By default builtins and ``module:Name`` are imported.

    Raises:
        NotationError: The text does not follow the grammar, or a name or value in it is refused; it holds the column.
    """
    try:
        return Reader(text, importer or import_exception).rules(source)
    except SpecificationError as error:
        raise error.at(source) from None


def fault_alone(text: str) -> Fault | None:
    """Return the fault of a text that is nothing else, or ``None``; :func:`parse` tells what is wrong."""
    reader = Reader(text, import_exception)
    try:
        term = reader.term()
    except SpecificationError:
        return None
    reader.blanks()
    return term.fault if reader.is_at_end() and term.trigger is ALWAYS else None


def parse_target(text: str) -> Target:
    """Return the target a text stands for, not looked up.

    Raises:
        NotationError: The text is no target, or one with a limit, which only rules have.
    """
    reader = Reader(text, import_exception)
    reader.blanks()
    target = reader.target()
    if reader.peek() in ("[", "@"):
        reader.refuse(
            f"limits are only allowed in rules: a target on its own ends before {reader.peek()!r}",
            remedy=f"Write {target.text!r}, or a rule.",
        )
    _end_of_target(reader)
    return target


def left_of(target: Any) -> tuple[Target, str, str]:
    """Return what the left side of a rule means: target, dependency and the function below which, or empty texts.

    Args:
        target: Its text, or an object, which has no limits.

    Raises:
        SpecificationError: The text does not follow the grammar, or the object is nothing to be called.
    """
    if not isinstance(target, str):
        return targets.target_of(target), "", ""
    reader = Reader(target, import_exception)
    reader.blanks()
    left = reader.left()
    _end_of_target(reader)
    return left


def _end_of_target(reader: Reader) -> None:
    reader.blanks()
    if not reader.is_at_end():
        reader.refuse("a target ends here", remedy="A target contains no spaces: 'package.module:Qual.name'.")


def rule_from(target: Any, fault: Any, source: str = "", **triggers: Any) -> Rule:
    """Return the rule of a marker or of ``chaos.inject``.

    Args:
        target: Text, with its limits if it has some, or the object itself.
        fault: A fault, or a bare fault class.
        source: Where it was written.
        **triggers: See :func:`pytest_chaos.triggers.trigger_from`.

    Raises:
        SpecificationError: Any of them is wrong; the error carries ``source``.
    """
    try:
        place, dependency, below = left_of(target)
        chain = (Term(as_fault(fault), trigger_from(**triggers)),)
        return Rule(place, chain, source, dependency=dependency, below=below)
    except SpecificationError as error:
        raise error.at(source) from None


# --- rules -> text


def format_rule(rule: Rule) -> str:
    """Return the canonical text of a rule; what has no text form is shown in ``‹›``."""
    return f"{format_left(rule)} = {format_chain(rule)}"


def format_left(rule: Rule) -> str:
    """Return the canonical text of the left side of a rule: its target and the limits of that."""
    text = rule.target.text
    if rule.dependency:
        text += f"[{_bare(rule.dependency, BARE_DEPENDENCY)}]"
    if rule.below:
        text += f"@{_bare(rule.below, BARE_FUNCTION)}"
    return text


def _bare(name: str, pattern: re.Pattern[str]) -> str:
    """Return a name as it is, or as a string where the grammar needs that."""
    return name if pattern.fullmatch(name) else repr(name)


def format_chain(rule: Rule, shown: Callable[[Fault], str] | None = None) -> str:
    """Return the canonical text of a rule's faults with their triggers.

    Args:
        rule: The rule.
        shown: How a fault is shown, if not by its canonical text.
    """
    return "->".join(format_term(term, shown) for term in rule.chain)


def format_scenario(rules: tuple[Rule, ...] | list[Rule]) -> str:
    """Return the canonical text of rules that act together."""
    return "; ".join(format_rule(rule) for rule in rules)


def has_text(rule: Rule) -> bool:
    """Tell whether the canonical text of a rule can be parsed back."""
    return not rule.target.is_object and all(
        term.trigger.has_text and _fault_has_text(term.fault) for term in rule.chain
    )


def _fault_has_text(fault: Fault) -> bool:
    args, kwargs = fault.text_arguments()
    if isinstance(fault, RaisingFault):
        error, args = args[0], args[1:]
        if not (isinstance(error, type) and _is_importable(error)):
            return False
    return is_known(fault) and all(
        _fault_has_text(value) if isinstance(value, Fault) else _is_literal(value)
        for value in (*args, *kwargs.values())
    )


def format_term(term: Term, shown: Callable[[Fault], str] | None = None) -> str:
    """Return the text of one fault with its trigger; arguments as for :func:`format_chain`."""
    trigger = term.trigger
    parts: list[str] = []
    fault = format_fault(term.fault) if shown is None else shown(term.fault)
    if trigger is ALWAYS:
        return fault
    if trigger.rate < 1:
        parts.append(_percent(trigger.rate))
    if trigger.hits != ALL_CALLS:
        parts.append(_format_hits(trigger.hits) + " ")
    if trigger.times is not None:
        parts.append(f"{trigger.times}*")
    parts.append(fault)
    for name in ("for_s", "when", "caller", "args"):
        value = getattr(trigger, name)
        if value is not None and value != ():
            parts.append(f" ‹{name}={_named(value)}›")
    return "".join(parts)


def format_fault(fault: Fault) -> str:
    """Return the text of a fault; one that the grammar does not know is shown in ``‹›``."""
    arguments = format_arguments(fault)
    text = f"{_word(fault)}({arguments})" if arguments else _word(fault)
    return text if is_known(fault) else f"‹{text}›"


def is_known(fault: Fault) -> bool:
    """Tell whether the grammar has a word for a fault of this very class."""
    return FAULT_WORDS.get(_word(fault)) is type(fault)


def _word(fault: Fault) -> str:
    return fault.word or type(fault).__name__


def format_arguments(fault: Fault) -> str:
    """Return the text of a fault's arguments, as it stands between the brackets; empty if it has none."""
    args, kwargs = fault.text_arguments()
    shown: list[str] = []
    for index, value in enumerate(args):
        if isinstance(fault, RaisingFault) and index == 0:
            shown.append(format_exception(value))
        elif isinstance(value, Fault):
            shown.append(format_fault(value))
        else:
            shown.append(_format_literal(value))
    shown.extend(f"{name}={_format_literal(value)}" for name, value in kwargs.items())
    return ", ".join(shown)


def _percent(rate: float) -> str:
    shifted = Decimal(repr(rate)).scaleb(2)
    digits = f"{shifted:f}"
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + "%"


def _format_hits(hits: Hits) -> str:
    if hits.numbers:
        return "#" + ",".join(map(str, hits.numbers))
    if hits.last is not None:
        return f"#{hits.first}..{hits.last}"
    return f"#{hits.first}.." if hits.step == 1 else f"#{hits.first}+{hits.step}"


def format_exception(source: object) -> str:
    """Return how a rule writes what is raised; what it cannot write stands in ``‹›``."""
    if isinstance(source, type):
        name = source.__qualname__
        if source.__module__ == "builtins":
            return name
        text = f"{source.__module__}:{name}"
        return text if _is_importable(source) else f"‹{text}›"
    if isinstance(source, BaseException):
        return f"‹{_shown(source)}›"
    return f"‹{_named(source)}›"


def _is_importable(kind: type) -> bool:
    return "<" not in kind.__qualname__


def _format_literal(value: object) -> str:
    return repr(value) if _is_literal(value) else f"‹{_short(value)}›"


def _is_literal(value: object) -> bool:
    kind = type(value)
    if kind in (list, tuple):
        return all(_is_literal(item) for item in value)  # type: ignore[attr-defined]  # a list or tuple
    if kind is dict:
        pairs = value.items()  # type: ignore[attr-defined]  # a dict
        return all(_is_literal(key) and _is_literal(item) for key, item in pairs)
    if kind is float:
        return -NEVER_ENDING < value < NEVER_ENDING  # type: ignore[operator]  # a float; NaN fails too
    return value is None or kind in (bool, int, str, bytes)


def _short(value: object) -> str:
    text = _named(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _named(value: object) -> str:
    return getattr(value, "__qualname__", None) or _shown(value)


def _shown(value: object) -> str:
    """Return how an object shows itself; one of the user's may fail at that, such as a row of a closed session."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  # whatever its class raises
        return f"{type(value).__qualname__} object"
