"""Rule text: what is printed can be read, what is read prints the same again, and all else is an error."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_chaos import (
    Cancel,
    Corrupt,
    Delay,
    DiskFull,
    Duplicate,
    Either,
    Hang,
    HttpAnswer,
    LoseReply,
    NotationError,
    Null,
    Raise,
    Return,
    Rule,
    Stale,
    Trigger,
    format_rule,
    format_scenario,
    parse,
)
from pytest_chaos.faults.base import Fault
from pytest_chaos.notation import (
    format_chain,
    format_left,
    has_text,
    import_exception,
    left_of,
    parse_target,
)
from pytest_chaos.scenario import Term
from pytest_chaos.target import Target
from pytest_chaos.triggers import Hits

pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
patterns = st.from_regex(r"[A-Za-z_*?][A-Za-z0-9_*?]{0,5}", fullmatch=True).filter(lambda name: "**" not in name)
module_paths = st.lists(patterns | st.just("**"), min_size=1, max_size=4).map(".".join)
name_paths = st.lists(patterns, min_size=1, max_size=3).map(".".join)
targets = st.builds(Target, module_paths, name_paths | st.just(""))

known_dependencies = st.sampled_from(
    ["api.example.com:443", "[::1]:8080", "<tmp>/orders.db", ":memory:", "/run/app.sock", "shop.py:12 price", "a = b;c"]
)
dependencies = known_dependencies | st.text("ab1.:/<>+~@-'\"\\[]=; \n\u2028\udc80", min_size=1) | st.text(min_size=1)
modules = st.lists(names, min_size=1, max_size=3).map(".".join)
qualnames = st.lists(names | st.sampled_from(["<locals>", "<lambda>", "<genexpr>"]), min_size=1, max_size=4).map(
    ".".join
)
# Code that was made from a text may have any name, and a file that is loaded by its path may be any module.
odd = st.text(min_size=1).filter(lambda name: not set(name) & set("*?"))
functions = st.builds("{}:{}".format, modules, qualnames) | st.builds(
    "{}:{}".format, odd.filter(lambda name: ":" not in name), odd
)
limits = st.fixed_dictionaries({"dependency": st.just("") | dependencies, "below": st.just("") | functions})

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
)
keys = scalars | st.tuples(scalars, scalars)
literals: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
)

seconds = st.floats(min_value=1e-9, max_value=1e9) | st.integers(1, 10**9)
exceptions = st.sampled_from(
    [OSError, TimeoutError, KeyboardInterrupt, SystemExit, KeyError, import_exception("json:JSONDecodeError")]
)


@st.composite
def raises(draw: Any) -> Raise | LoseReply:
    fault = draw(st.sampled_from([Raise, LoseReply]))
    kind = draw(exceptions)
    if kind.__module__ != "builtins":
        return fault(kind, "message", draw(st.text()), draw(st.integers(0, 9)))  # type: ignore[no-any-return]  # drawn
    return fault(kind, *draw(st.lists(literals, max_size=3)))  # type: ignore[no-any-return]  # drawn


@st.composite
def delays(draw: Any) -> Delay:
    length = draw(seconds)
    return Delay(length, draw(st.just(0) | st.floats(0, float(length))))


@st.composite
def http_answers(draw: Any) -> HttpAnswer:
    names = st.from_regex(r"[A-Za-z-]{1,12}", fullmatch=True)
    texts = st.text(st.characters(min_codepoint=32, max_codepoint=126))
    bodies = st.text() | st.binary() | st.dictionaries(st.text(), st.integers() | st.none() | st.booleans())
    headers = draw(st.none() | st.dictionaries(names, texts))
    return HttpAnswer(draw(st.integers(200, 599)), draw(bodies), headers=headers)


faults: st.SearchStrategy[Fault] = (
    raises()
    | st.builds(Hang, st.none() | seconds)
    | st.builds(Return, literals)
    | delays()
    | st.sampled_from([Null(), Corrupt(), Cancel(), Duplicate(), Stale(), DiskFull()])
    | http_answers()
)

counts = st.integers(1, 10**6)
lists_of_hits = st.lists(counts, min_size=1, max_size=4).map(Hits.listed)


@st.composite
def ranges(draw: Any) -> Hits:
    first = draw(counts)
    return Hits(first, first + draw(counts))


finite_hits = lists_of_hits | ranges()
all_hits = finite_hits | st.builds(Hits, counts) | st.builds(Hits, counts, st.none(), counts)
rates = st.just(1.0) | st.floats(0, 1)
last_triggers = st.builds(Trigger, rates, all_hits, st.none() | counts)
finite_triggers = st.builds(Trigger, rates, all_hits, counts) | st.builds(Trigger, rates, finite_hits)


@st.composite
def rules(draw: Any) -> Rule:
    terms = [Term(draw(faults), draw(finite_triggers)) for _ in range(draw(st.integers(0, 3)))]
    return Rule(draw(targets), (*terms, Term(draw(faults), draw(last_triggers))), **draw(limits))


@given(rules())
def test_what_is_printed_is_read_back(rule: Rule) -> None:
    text = format_rule(rule)
    (read,) = parse(text)

    assert rule == read
    assert text == format_rule(read), "equal values may print differently: 1, 1.0 and True"
    assert has_text(rule)


@given(targets, limits)
def test_left_side_is_read_back_alone(target: Target, limit: dict[str, str]) -> None:
    text = format_left(Rule(target, (Term(Hang()),), **limit))

    assert (target, limit["dependency"], limit["below"]) == left_of(text)
    if any(limit.values()):
        with pytest.raises(NotationError, match="limits are only allowed in rules"):
            parse_target(text)
    else:
        assert target == parse_target(text)


@given(st.lists(rules(), min_size=1, max_size=4))
def test_scenario_is_read_back(scenario: list[Rule]) -> None:
    assert scenario == parse(format_scenario(scenario))


@given(st.lists(faults, min_size=2, max_size=3), st.booleans())
def test_alternatives_are_shown_and_have_no_text(alternatives: list[Fault], is_weighted: bool) -> None:
    weights = tuple(range(1, len(alternatives) + 1)) if is_weighted else None
    rule = Rule(Target("m", "f"), (Term(Either(*alternatives, weights=weights)),))

    text = format_rule(rule)
    assert text.startswith("m:f = ‹either(") and text.endswith(")›")
    assert is_weighted == text.endswith(f", weights={weights})›")
    assert not has_text(rule)
    with pytest.raises(NotationError):
        parse(text)


# Pieces of the grammar with blanks between them reach deeper than arbitrary characters.
pieces = st.sampled_from(
    [
        *[
            "m:f",
            "shop.**:a_*",
            "m",
            "a/b",
            "[a:1]",
            "['a b']",
            "@",
            "@m:g",
            "@'m:g'",
            ".<locals>",
            "=",
            "->",
            ";",
            " ",
            "  ",
            "\t",
            "#3",
            "#2..5",
            "#4..",
            "#1+3",
            "#1,2",
            "2*",
        ],
        *[
            "20%",
            "0.5%",
            "100%",
            "hang",
            "null",
            "raise",
            "return",
            "delay",
            "corrupt",
            "cancel",
            "lose-reply",
            "duplicate",
            "stale",
            "disk-full",
            "answer",
            "(",
            ")",
            ",",
            "[",
            "]",
            "{",
            "}",
            ":",
            "'a'",
        ],
        *[
            '"b"',
            "b'c'",
            "1",
            "-2.5",
            "1e9",
            "None",
            "True",
            "TimeoutError",
            "json:JSONDecodeError",
            "a=",
            "\\",
            "'",
            "€",
        ],
    ]
)
almost = st.lists(pieces, max_size=14).map("".join)
limited = st.builds("m:f{}{}{}={}".format, pieces, pieces, pieces, almost)
rule_like = st.builds("m:f = {}{}{}({})".format, st.sampled_from(["", "5%", "#2 ", "3*"]), pieces, pieces, almost)


def no_import(name: str) -> type[BaseException]:
    """Stand in for the importer: a text made by chance shall import nothing."""
    return TimeoutError if name == "TimeoutError" else import_exception("NoSuchException")


@given(st.text() | st.text(string.printable) | almost | rule_like | limited)
@settings(max_examples=500)
@example("m:f = return(" + "(" * 2000)
@example("m:f = #" + "1" * 5000 + "hang")
@example("m:f = hang(" + "9" * 400 + ")")
@example("m:f = return('\\N{nonesuch}')")
@example("m:f = return({[]: 1})")
@example("m:f = ²%hang")
@example("m:f = #²hang")
@example("m:f = #٣hang")
@example("m:f = ٣%hang")
@example("m:f = ٣*hang")
@example("m:f = return(٣)")
@example("m:f = return('\ud800')")
@example("m:f = return(b'\ud800')")
@example("m:f = raise(TimeoutError, x=1)")
@example("m:f = raise(TimeoutError, exc=1)")
@example("m:f = raise(exc=TimeoutError)")
@example("m:f = return(self=1)")
@example("\ud800:f = hang")
@example("m:f = delay(1, jitter=1, jitter=1)")
@example("m:f['" + "a" * 5000 + "'] = hang")
@example("m:f@" + "a." * 5000 + " = hang")
@example("m:f['\ud800'] = hang")
@example("m:f['\\N{nonesuch}'] = hang")
@example("m:f[a@'b:c'")
def test_any_text_is_read_or_refused_at_a_column_of_its_own(text: str) -> None:
    try:
        read = parse(text, importer=no_import)
    except NotationError as error:
        assert 1 <= error.column <= len(text) + 1
        assert str(error)
    else:
        printed = format_scenario(read)

        assert read == parse(printed, importer=no_import)
        assert printed == format_scenario(parse(printed, importer=no_import))


@given(almost | limited, st.integers(0, 40))
def test_printing_what_was_read_is_idempotent(text: str, cut: int) -> None:
    try:
        once = format_scenario(parse(text[cut:] or "m:f = hang", importer=no_import))
    except NotationError:
        return

    assert once == format_scenario(parse(once, importer=no_import))


@given(rules(), st.data())
def test_blanks_between_tokens_change_nothing(rule: Rule, data: Any) -> None:
    head, chain = format_left(rule), format_chain(rule)
    blank = st.sampled_from(["", " ", "\t", "  "])
    padded = (
        f"{data.draw(blank)}{head}{data.draw(blank)}={data.draw(blank)}{chain}{data.draw(blank)};{data.draw(blank)}"
    )

    assert [rule] == parse(padded)


@given(rules(), st.data())
def test_text_cut_short_is_refused_or_another_rule_and_never_breaks(rule: Rule, data: Any) -> None:
    text = format_rule(rule)
    cut = data.draw(st.integers(0, len(text) - 1))
    try:
        parse(text[:cut])
    except NotationError as error:
        assert 1 <= error.column <= cut + 1
