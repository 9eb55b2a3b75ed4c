"""Rule text: every example of SEMANTICS 'Rule text', the canonical forms, and what is refused where."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import pytest

from pytest_chaos import (
    Cancel,
    Corrupt,
    Delay,
    DiskFull,
    Duplicate,
    Either,
    Fault,
    Hang,
    HttpAnswer,
    LoseReply,
    NotationError,
    Null,
    Raise,
    Return,
    Rule,
    SpecificationError,
    Stale,
    Trigger,
    format_rule,
    format_scenario,
    parse,
)
from pytest_chaos.notation import (
    format_fault,
    format_left,
    has_text,
    import_exception,
    left_of,
    parse_target,
    rule_from,
)
from pytest_chaos.scenario import Term
from pytest_chaos.target import Target
from pytest_chaos.triggers import Hits


class Declined(Exception):
    """Stands for an exception that only a test module knows."""


def importer(name: str) -> type[BaseException]:
    """Know one exception that nobody can import."""
    return Declined if name == "E" else import_exception(name)


def chain_of(text: str) -> tuple[Term, ...]:
    (rule,) = parse(text, importer=importer)
    return rule.chain


def fault_of(text: str) -> Fault:
    (term,) = chain_of(f"m:f = {text}")
    return term.fault


def refusal(text: str) -> NotationError:
    with pytest.raises(NotationError) as caught:
        parse(text, importer=importer)
    return caught.value


# --- the examples of SEMANTICS


ACCEPTED: list[tuple[str, list[Rule]]] = [
    (
        "shop.db:query = 2*raise(ConnectionError)->null",
        [Rule(Target("shop.db", "query"), (Term(Raise(ConnectionError), Trigger(times=2)), Term(Null())))],
    ),
    ("m:f = #1+3 hang(2)", [Rule(Target("m", "f"), (Term(Hang(2), Trigger(hits=Hits(first=1, step=3))),))]),
    (
        "m:f = #2..5 3*raise(E)",
        [Rule(Target("m", "f"), (Term(Raise(Declined), Trigger(hits=Hits(first=2, last=5), times=3)),))],
    ),
    ('m:f = return({"a": ")->; ="})', [Rule(Target("m", "f"), (Term(Return({"a": ")->; ="})),))]),
    (
        "shop.**:fetch_* = 0.5%delay(0.2, 0.05)",
        [Rule(Target("shop.**", "fetch_*"), (Term(Delay(0.2, 0.05), Trigger(rate=0.005)),))],
    ),
    (
        "a:b = hang; c:d = null",
        [Rule(Target("a", "b"), (Term(Hang()),)), Rule(Target("c", "d"), (Term(Null()),))],
    ),
]


ACCEPTED += [
    (f"m:f = {text}", [Rule(Target("m", "f"), (Term(fault),))])
    for text, fault in {
        "corrupt": Corrupt(),
        "cancel": Cancel(),
        "lose-reply(ConnectionError)": LoseReply(ConnectionError),
        "lose-reply(E, 'text', 5)": LoseReply(Declined, "text", 5),
        "duplicate": Duplicate(),
        "stale": Stale(),
        "stale()": Stale(),
        "disk-full": DiskFull(),
        "answer(503)": HttpAnswer(503),
        "answer(200, '<html>')": HttpAnswer(200, "<html>"),
        "answer(429, {'code': 1}, headers={'Retry-After': '1'})": HttpAnswer(
            429, {"code": 1}, headers={"Retry-After": "1"}
        ),
    }.items()
]
ACCEPTED += [
    (
        "m:f = #2 lose-reply(E)->50%2*corrupt->stale",
        [
            Rule(
                Target("m", "f"),
                (
                    Term(LoseReply(Declined), Trigger(hits=Hits.listed([2]))),
                    Term(Corrupt(), Trigger(rate=0.5, times=2)),
                    Term(Stale()),
                ),
            )
        ],
    )
]


@pytest.mark.parametrize(("text", "expected"), ACCEPTED, ids=[text for text, _ in ACCEPTED])
def test_accepted_example_is_read(text: str, expected: list[Rule]) -> None:
    assert expected == parse(text, importer=importer)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("m:f=#32*hang", 8),
        ("m:f == hang", 6),
        ("m:f = hang->", 13),
        ("m:f = #0hang", 7),
        ("m : f = hang", 3),
        ("m:f = Raise(E)", 7),
        ("m:f = raise(os.getcwd())", 22),
        ("m:f = return(1+2)", 15),
        ("m:f = 120%hang", 7),
        ("m:f = raise(os.getcwd)", 13),
    ],
)
def test_refused_example_is_refused_at_its_column(text: str, column: int) -> None:
    assert column == refusal(text).column


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("m:f=#32*hang", "space is needed"),
        ("m:f = Raise(E)", "Did you mean 'raise'?"),
        ("m:f = raise(os.getcwd)", "not an exception"),
        ("m:f = 120%hang", "between 0% and 100%"),
        ("m:f = #0hang", "counted from 1"),
        ("m:f = hnag", "Did you mean 'hang'?"),
        ("m:f = raise(TimeoutErorr)", "Did you mean 'TimeoutError'"),
        ("m:f", "raise(TimeoutError)"),
        ("m:f = raise(UnicodeDecodeError)", "cannot be built"),
        ("m:f = return(set)", "expected a literal"),
    ],
)
def test_refusal_says_what_to_do(text: str, words: str) -> None:
    assert words in str(refusal(text))


# --- what else the grammar accepts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hang", Hang()),
        ("hang()", Hang()),
        ("hang(2)", Hang(2)),
        ("hang( 0.25 , )", Hang(0.25)),
        ("hang(seconds=2)", Hang(2)),
        ("hang(None)", Hang()),
        ("null", Null()),
        ("null()", Null()),
        ("delay(0.2)", Delay(0.2)),
        ("delay(0.2,0.05)", Delay(0.2, 0.05)),
        ("delay(0.2, jitter = 0.05)", Delay(0.2, 0.05)),
        ("raise(TimeoutError)", Raise(TimeoutError)),
        ("raise(E, 'text', 3)", Raise(Declined, "text", 3)),
        (
            "raise(json.decoder:JSONDecodeError, 'no', 'doc', 0)",
            Raise(import_exception("json:JSONDecodeError"), "no", "doc", 0),
        ),
        ("raise(socket.timeout)", Raise(TimeoutError)),
        ("raise(SystemExit)", Raise(SystemExit)),
        ("return(42)", Return(42)),
        ("return(value=42)", Return(42)),
        ("return(-4.5e-3)", Return(-0.0045)),
        ("return(.5)", Return(0.5)),
        ("return(1_000)", Return(1000)),
        ("return('a\\'b')", Return("a'b")),
        ('return("\\u20ac")', Return("€")),
        ("return(b'\\x00')", Return(b"\0")),
        ("return(B'x')", Return(b"x")),
        ("return(())", Return(())),
        ("return((1,))", Return((1,))),
        ("return([1, [2, (3, None)], ])", Return([1, [2, (3, None)]])),
        ("return({})", Return({})),
        ("return({'a' : {1: True}, (1, 2): False,})", Return({"a": {1: True}, (1, 2): False})),
        ("return(None)", Return(None)),
    ],
)
def test_fault_is_read(text: str, expected: Fault) -> None:
    assert expected == fault_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hang", Trigger()),
        ("0%hang", Trigger(rate=0.0)),
        ("20%hang", Trigger(rate=0.2)),
        ("33.25% hang", Trigger(rate=0.3325)),
        ("100%hang", Trigger()),
        ("#3hang", Trigger(hits=Hits.listed([3]))),
        ("#3 hang", Trigger(hits=Hits.listed([3]))),
        ("#5,1,5 hang", Trigger(hits=Hits.listed([1, 5]))),
        ("#2..5hang", Trigger(hits=Hits(2, 5))),
        ("#2..2hang", Trigger(hits=Hits.listed([2]))),
        ("#4..hang", Trigger(hits=Hits(4))),
        ("#1+3hang", Trigger(hits=Hits(1, None, 3))),
        ("2*hang", Trigger(times=2)),
        ("2* hang", Trigger(times=2)),
        ("5% #2.. 3*hang", Trigger(rate=0.05, hits=Hits(2), times=3)),
        ("\t5%\t#2..\t3*\thang\t", Trigger(rate=0.05, hits=Hits(2), times=3)),
    ],
)
def test_trigger_is_read(text: str, expected: Trigger) -> None:
    (term,) = chain_of(f"m:f = {text}")

    assert expected == term.trigger


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m:f", Target("m", "f")),
        ("  m:f  ", Target("m", "f")),
        ("a.b.c", Target("a.b.c")),
        ("a.b:C.d", Target("a.b", "C.d")),
        ("a.**.b:*", Target("a.**.b", "*")),
        ("**:f", Target("**", "f")),
        ("a?.*:f_?*", Target("a?.*", "f_?*")),
        ("größe:f", Target("größe", "f")),
        ("redis/read-timeout", Target("redis", "read-timeout", "/")),
    ],
)
def test_target_is_read(text: str, expected: Target) -> None:
    assert expected == parse_target(text)


@pytest.mark.parametrize("text", ["a:b = hang;c:d = null", "a:b=hang ; c:d=null ;", " a:b = hang;\tc:d = null; "])
def test_rules_are_separated_by_semicolons(text: str) -> None:
    assert "a:b = hang; c:d = null" == format_scenario(parse(text))


def test_chain_terms_follow_arrows() -> None:
    (rule,) = parse("m:f = #2hang -> 2*null->  raise(OSError)")

    assert ["#2 hang", "2*null", "raise(OSError)"] == [
        format_rule(Rule(rule.target, (term,)))[6:] for term in rule.chain
    ]


# --- refused


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        ("   ", 4),
        (";", 1),
        ("m:f", 4),
        ("m:f  ", 4),
        ("m:f ; a:b = hang", 4),
        ("m:f hang", 5),
        ("m:f =", 6),
        ("m:f = ", 7),
        ("m:f = hang; ; a:b = null", 13),
        ("m:f = hang a:b = null", 12),
        ("m: f = hang", 3),
        (":f = hang", 1),
        ("m: = hang", 3),
        ("m.:f = hang", 3),
        ("m..f = hang", 3),
        ("1m:f = hang", 1),
        ("m:f.2 = hang", 5),
        ("m:** = hang", 3),
        ("m.**x:f = hang", 3),
        ("m.x**:f = hang", 4),
        ("m:f-g = hang", 4),
        ("m:f = Hang", 7),
        ("m:f = hang!", 11),
        ("m:f = hangs", 7),
        ("m:f = hang_up", 7),
        ("m:f = redis/timeout", 7),
        ("m:f = corrupt(1)", 7),
        ("m:f = cancel(True)", 7),
        ("m:f = duplicate(2)", 7),
        ("m:f = stale(1)", 7),
        ("m:f = lose-reply", 7),
        ("m:f = lose-reply()", 7),
        ("m:f = lose-reply('OSError')", 18),
        ("m:f = lose_reply(OSError)", 7),
        ("m:f = losereply(OSError)", 7),
        ("m:f = either(null, hang)", 7),
        ("m:f = 5 %hang", 8),
        ("m:f = 100.01%hang", 7),
        ("m:f = -5%hang", 7),
        ("m:f = .5%hang", 7),
        ("m:f = 5.%hang", 7),
        ("m:f = 5%%hang", 9),
        ("m:f = 2 *hang", 8),
        ("m:f = 0*hang", 7),
        ("m:f = -1*hang", 7),
        ("m:f = #hang", 8),
        ("m:f = #2..1hang", 11),
        ("m:f = #1,hang", 10),
        ("m:f = #1+hang", 10),
        ("m:f = #1+0hang", 10),
        ("m:f = #1,0hang", 10),
        ("m:f = #2..0hang", 11),
        ("m:f = #2..5 3 *hang", 14),
        ("m:f = #2..53*hang", 13),
        ("m:f = #1+3*hang", 11),
        ("m:f = #1,3*hang", 11),
        ("m:f = 2*5%hang", 9),
        ("m:f = hang->null", 1),
        ("m:f = 5%hang->null", 1),
        ("m:f = #1.. hang->null", 1),
        ("m:f = 2*hang- >null", 13),
        ("m:f = 2*hang->->null", 15),
        ("m:f = hang(", 12),
        ("m:f = hang(2", 13),
        ("m:f = hang)", 11),
        ("m:f = hang(2 3)", 14),
        ("m:f = hang(,)", 12),
        ("m:f = hang(2,,)", 14),
        ("m:f = hang(0)", 7),
        ("m:f = hang(-1)", 7),
        ("m:f = hang(True)", 7),
        ("m:f = hang('2')", 7),
        ("m:f = hang(1e999)", 12),
        ("m:f = hang(inf)", 12),
        ("m:f = hang(nan)", 12),
        ("m:f = hang(2, 3)", 7),
        ("m:f = hang(secs=3)", 7),
        ("m:f = null(1)", 7),
        ("m:f = return", 7),
        ("m:f = return()", 7),
        ("m:f = delay", 7),
        ("m:f = delay(0.1, 0.2)", 7),
        ("m:f = delay(0.1, jitter=0.2, 3)", 30),
        ("m:f = delay(seconds=1, seconds=2)", 24),
        ("m:f = raise", 7),
        ("m:f = raise()", 7),
        ("m:f = raise(1)", 13),
        ("m:f = raise('OSError')", 13),
        ("m:f = raise(OSError OSError)", 21),
        ("m:f = raise(OSError, OSError)", 22),
        ("m:f = raise(Nothing)", 13),
        ("m:f = raise(len)", 13),
        ("m:f = raise(no_such_module:E)", 13),
        ("m:f = raise(json:Nothing)", 13),
        ("m:f = raise(json)", 13),
        ("m:f = raise(json:)", 17),
        ("m:f = return(x)", 14),
        ("m:f = return(Nonesuch)", 14),
        ("m:f = return({1, 2})", 14),
        ("m:f = return({1: 2, 3})", 22),
        ("m:f = return({[1]: 2})", 15),
        ("m:f = return((1))", 14),
        ("m:f = return([1 2])", 17),
        ("m:f = return(f'x')", 14),
        ("m:f = return(r'x')", 14),
        ("m:f = return(u'x')", 14),
        ("m:f = return('x)", 14),
        ("m:f = return('x\ny')", 14),
        ("m:f = return('x\\')", 14),
        ("m:f = return('a' 'b')", 18),
        ("m:f = return('a'.upper())", 17),
        ("m:f = return(b'é')", 14),
        ("m:f = return('\\x1')", 14),
        ("m:f = return('\x00')", 14),
        ("m:f = return(0x10)", 14),
        ("m:f = return(007)", 14),
        ("m:f = return(1j)", 14),
        ("m:f = return(1e)", 14),
        ("m:f = return(--1)", 14),
        ("m:f = return(- 1)", 14),
        ("m:f = return(1 if 2 else 3)", 16),
        ("m:f = return(*[1])", 14),
        ("m:f = return(...)", 14),
        ("m:f\n= hang", 4),
    ],
)
def test_text_outside_the_grammar_is_refused_at_its_column(text: str, column: int) -> None:
    assert column == refusal(text).column


@pytest.mark.parametrize(
    "text",
    [
        "m:f = raise(os.getcwd)",
        "m:f = raise(os:getcwd)",
        "m:f = raise(os.system('true'))",
        "m:f = return(__import__('os'))",
        "m:f = return(os.environ)",
        "m:f = return([x for x in (1,)])",
        "m:f = return(lambda: 1)",
        "m:f = return({**{}})",
        "m:f = return(1 .__class__)",
        "m:f = hang(2**3)",
        "m:f = raise(eval)",
        "m:f = raise(OSError, open('/'))",
    ],
)
def test_nothing_is_evaluated(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a rule text was run")

    monkeypatch.setattr("os.getcwd", never)
    monkeypatch.setattr("os.system", never)

    with pytest.raises(NotationError):
        parse(text)


def test_error_names_the_source_of_the_text() -> None:
    with pytest.raises(NotationError, match=r"^--chaos-rule: cannot read the rule text at column 7: "):
        parse("m:f = what", "--chaos-rule")


def test_rule_keeps_the_source_of_its_text() -> None:
    assert ["--chaos-rule"] == [rule.source for rule in parse("m:f = hang", "--chaos-rule")]


def test_deep_nesting_is_refused_and_no_recursion_error() -> None:
    assert refusal("m:f = return(" + "[" * 100_000).column > 13


def test_module_that_fails_to_import_is_refused(lab: Any) -> None:
    lab.write("broken_errors", "1 / 0")

    assert 13 == refusal("m:f = raise(broken_errors:Oops)").column


@pytest.mark.parametrize("text", ["m:f = #{}hang", "m:f = {}*hang", "m:f = return({})", "m:f = hang({})"])
def test_number_of_any_length_is_read_or_refused(text: str) -> None:
    """Python itself refuses to convert more than 4300 digits."""
    with pytest.raises(NotationError):
        parse(text.format("9" * 5000))


def test_unknown_escape_is_read_the_same_under_every_warnings_filter() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quiet = fault_of(r"return('\d')")
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert quiet == fault_of(r"return('\d')")


# --- limits: one dependency, calls below one function


LIMITED: dict[str, tuple[str, str, str]] = {
    "m:f[api.example.com:443]": ("m:f", "api.example.com:443", ""),
    "m:f[<tmp>/orders.db]": ("m:f", "<tmp>/orders.db", ""),
    "m:f[:memory:]": ("m:f", ":memory:", ""),
    "m:f[/run/app.sock]": ("m:f", "/run/app.sock", ""),
    "m:f[user@db-1~a+b]": ("m:f", "user@db-1~a+b", ""),
    "m:f[größe:1]": ("m:f", "größe:1", ""),
    "m:f['[::1]:8080']": ("m:f", "[::1]:8080", ""),
    "m:f['shop.py:12 price']": ("m:f", "shop.py:12 price", ""),
    "m:f['we]ird = name; ']": ("m:f", "we]ird = name; ", ""),
    "m:f['*']": ("m:f", "*", ""),
    'm:f["it\'s"]': ("m:f", "it's", ""),
    "m:f['a\\nb\\udc80']": ("m:f", "a\nb\udc80", ""),
    "m:f@shop.orders:Cart.pay": ("m:f", "", "shop.orders:Cart.pay"),
    "m:f@shop:make.<locals>.handler": ("m:f", "", "shop:make.<locals>.handler"),
    "m:f@shop:<lambda>": ("m:f", "", "shop:<lambda>"),
    "m:f@shop:f.<locals>.<genexpr>": ("m:f", "", "shop:f.<locals>.<genexpr>"),
    "m:f@my-script:main": ("m:f", "", "my-script:main"),
    "m:f@'my script:<generic parameters of f>'": ("m:f", "", "my script:<generic parameters of f>"),
    "m:C.f[api:443]@shop:pay": ("m:C.f", "api:443", "shop:pay"),
    "shop.**:fetch_*[api:443]@shop:pay": ("shop.**:fetch_*", "api:443", "shop:pay"),
    "redis[cache:6379]": ("redis", "cache:6379", ""),
    "redis/read-timeout[cache:6379]": ("redis/read-timeout", "cache:6379", ""),
}


@pytest.mark.parametrize(("text", "expected"), LIMITED.items(), ids=LIMITED)
def test_limits_of_a_rule_are_read_and_printed(text: str, expected: tuple[str, str, str]) -> None:
    (rule,) = parse(f"{text} = hang")

    assert expected == (rule.target.text, rule.dependency, rule.below)
    assert f"{text} = hang" == format_rule(rule)
    assert text == format_left(rule)
    assert has_text(rule)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m:f['api:443']@'shop:pay'=hang", "m:f[api:443]@shop:pay = hang"),
        ('m:f["a b"] = hang', "m:f['a b'] = hang"),
        ("m:f['\\x61'] = hang", "m:f[a] = hang"),
        ("m:f[a] = hang;m:f[b]@m:g = null", "m:f[a] = hang; m:f[b]@m:g = null"),
    ],
)
def test_limits_have_one_canonical_text(text: str, expected: str) -> None:
    assert expected == format_scenario(parse(text))


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("m:f[] = hang", 5, "the name of the dependency is empty"),
        ("m:f[''] = hang", 5, "the name of the dependency is empty"),
        ("m:f[", 4, "the bracket is not closed"),
        ("m:f[a", 4, "the bracket is not closed"),
        ("m:f['a'", 4, "the bracket is not closed"),
        ("m:f['a] = hang", 5, "the string is not closed"),
        ("m:f[a = hang", 6, "expected ']', got ' '"),
        ("m:f[ a] = hang", 5, "expected ']', got ' '"),
        ("m:f[a ] = hang", 6, "expected ']', got ' '"),
        ("m:f[a;b] = hang", 6, "expected ']', got ';'"),
        ("m:f[a=b] = hang", 6, "expected ']', got '='"),
        ("m:f[a*] = hang", 6, "is a string"),
        ("m:f['a' 'b'] = hang", 8, "expected ']'"),
        ("m:f[b'a'] = hang", 6, "expected ']'"),
        ("m:f['\\x1'] = hang", 5, "not a string"),
        ("m:f [a] = hang", 5, "no spaces"),
        ("m:f[a][b] = hang", 7, "expected '=' and a fault, got '['"),
        ("m[a]:f = hang", 5, "expected '=' and a fault, got ':'"),
        ("[a] = hang", 1, "expected a name"),
        ("m:f[a]", 7, "'m:f[a]' has no fault"),
        ("m:f@", 5, "expected the name of a function, got the end of the text"),
        ("m:f@ = hang", 5, "expected the name of a function, got ' '"),
        ("m:f@ m:g = hang", 5, "Write 'm:f@package.module:Qual.name'."),
        ("m:f @m:g = hang", 5, "no spaces"),
        ("m:f@m = hang", 6, "expected ':' and a function"),
        ("m:f@m: = hang", 7, "expected the name of a function"),
        ("m:f@:g = hang", 5, "expected the name of a function, got ':'"),
        ("m:f@m..n:g = hang", 7, "expected the name of a function, got '.'"),
        ("m:f@m:g. = hang", 9, "expected the name of a function"),
        ("m:f@m:<locals = hang", 7, "expected the name of a function, got '<'"),
        ("m:f@*:g = hang", 5, "a glob is not allowed after '@'"),
        ("m:f@m.**:g = hang", 7, "a glob is not allowed after '@'"),
        ("m:f@m:g* = hang", 8, "Write one rule for each function."),
        ("m:f@m:g.?x = hang", 9, "a glob is not allowed after '@'"),
        ("m:f@'m:g*' = hang", 5, "'m:g*' is a glob"),
        ("m:f@'m' = hang", 5, "named with its module, got 'm'"),
        ("m:f@'' = hang", 5, "named with its module, got ''"),
        ("m:f@m:g[a] = hang", 8, "'[dependency]' stands before '@function'"),
        ("m:f@m:g@m:h = hang", 8, "expected '=' and a fault, got '@'"),
        ("m:f@m:g", 8, "'m:f@m:g' has no fault"),
    ],
)
def test_limit_outside_the_grammar_is_refused_at_its_column(text: str, column: int, words: str) -> None:
    error = refusal(text)

    assert column == error.column
    assert words in str(error)


@pytest.mark.parametrize(("text", "column"), [("m:f[a]", 4), (" m:f@m:g", 5), ("redis[cache:6379]", 6)])
def test_target_alone_has_no_limits(text: str, column: int) -> None:
    with pytest.raises(NotationError, match="limits are only allowed in rules") as caught:
        parse_target(text)

    assert column == caught.value.column


def test_target_of_a_marker_may_have_limits() -> None:
    marked = rule_from("socket:socket.connect['a = b']@shop:pay", Hang(), nth=2)

    assert parse("socket:socket.connect['a = b']@shop:pay = #2 hang") == [marked]


def test_limits_of_a_marker_are_refused_with_its_place() -> None:
    with pytest.raises(
        NotationError, match=r"^marker at t\.py:3: cannot read the rule text at column 7: a target ends"
    ):
        rule_from("m:f[a]b", Hang(), "marker at t.py:3")


def test_object_has_no_limits_and_a_rule_with_both_has_no_text() -> None:
    assert ("", "") == left_of(parse)[1:]

    rule = Rule(Target(obj=lambda: None), (Term(Hang()),), dependency="a b", below="m:g")
    assert format_rule(rule).endswith("<lambda>›['a b']@m:g = hang")
    assert not has_text(rule)


# --- canonical text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m:f=hang", "m:f = hang"),
        ("m:f = hang()", "m:f = hang"),
        ("m:f = hang(2.0)", "m:f = hang(2)"),
        ("m:f = delay(0.20, 0.0)", "m:f = delay(0.2)"),
        ("m:f = 20.50%hang", "m:f = 20.5%hang"),
        ("m:f = 100.0% hang", "m:f = hang"),
        ("m:f = 0.0%hang", "m:f = 0%hang"),
        ("m:f = 007%hang", "m:f = 7%hang"),
        ("m:f = 10%hang", "m:f = 10%hang"),
        ("m:f = 0.00001%hang", "m:f = 0.00001%hang"),
        ("m:f = 1% #3  2* hang", "m:f = 1%#3 2*hang"),
        ("m:f = #3,1hang", "m:f = #1,3 hang"),
        ("m:f = #1..hang", "m:f = hang"),
        ("m:f = #2+1hang", "m:f = #2.. hang"),
        ("m:f = #1..3hang", "m:f = #1..3 hang"),
        ("m:f = 2*hang -> null", "m:f = 2*hang->null"),
        ('m:f = return("a")', "m:f = return('a')"),
        ("m:f = return( (1 , ) )", "m:f = return((1,))"),
        ("m:f = raise(builtins.OSError)", "m:f = raise(OSError)"),
        ("m:f = raise(json.JSONDecodeError, 'a', 'b', 1)", "m:f = raise(json.decoder:JSONDecodeError, 'a', 'b', 1)"),
        ("m:f = raise(IOError)", "m:f = raise(OSError)"),
        ("a:b=hang;c:d=null;", "a:b = hang; c:d = null"),
    ],
)
def test_canonical_text(text: str, expected: str) -> None:
    assert expected == format_scenario(parse(text))


def test_rate_prints_from_its_shortest_repr() -> None:
    assert ["29%", "0.1%", "33.3%", "99.99999999999999%"] == [
        format_rule(rule_from("m:f", Hang(), rate=rate)).removeprefix("m:f = ").removesuffix("hang")
        for rate in (0.29, 0.001, 0.333, 0.9999999999999999)
    ]


def test_negative_zero_is_a_rate_of_zero(canonical: Any) -> None:
    text = format_rule(rule_from("m:f", Hang(), rate=-0.0))

    assert text == canonical(text)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (rule_from("m:f", Hang(), for_s=2), "m:f = hang ‹for_s=2.0›"),
        (rule_from("m:f", Hang(), when=len), "m:f = hang ‹when=len›"),
        (rule_from("m:f", Hang(), caller="shop.*"), "m:f = hang ‹caller='shop.*'›"),
        (rule_from("m:f", Hang(), args={"a": 1}), "m:f = hang ‹args=(('a', 1),)›"),
        (rule_from("m:f", Raise(OSError("no"))), "m:f = raise(‹OSError('no')›)"),
        (rule_from("m:f", Raise(lambda: OSError())), "m:f = raise(‹<lambda>›)"),
        (rule_from("m:f", Return({1, 2})), "m:f = return(‹{1, 2}›)"),
        (rule_from("m:f", Return(float("inf"))), "m:f = return(‹inf›)"),
        (rule_from("m:f", Return([object])), "m:f = return(‹[<class 'object'>]›)"),
        (rule_from(Lambdas := (lambda: None), Hang()), "‹<lambda>› = hang"),
    ],
)
def test_what_has_no_text_form_is_shown_in_guillemets_and_refused_as_text(rule: Rule, expected: str) -> None:
    text = format_rule(rule).replace("test_notation.", "")

    assert expected == text
    assert not has_text(rule)
    with pytest.raises(NotationError):
        parse(text)


def test_guillemets_inside_a_string_are_text() -> None:
    rule = rule_from("m:f", Return("‹x›"))

    assert has_text(rule)
    assert [rule] == parse(format_rule(rule))


def test_local_class_has_no_text_form() -> None:
    class Local(Exception):
        pass

    assert not has_text(rule_from("m:f", Raise(Local)))


def test_fault_alone_has_a_text() -> None:
    assert "raise(OSError, 'no')" == format_fault(Raise(OSError, "no"))


class Explode(Fault):
    """A fault of somebody else's."""

    def act(self, call: Any) -> Any:
        raise OSError


class ExplodeLoudly(Null):
    """A fault of somebody else's, that took over one of our words."""


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Either(Raise(TimeoutError), Null), "‹either(raise(TimeoutError), null)›"),
        (Either(Raise(OSError), Null, weights=[3, 1]), "‹either(raise(OSError), null, weights=(3, 1))›"),
        (Either(Hang, Either(Null, Hang(2))), "‹either(hang, ‹either(null, hang(2))›)›"),
        (LoseReply(OSError("a")), "lose-reply(‹OSError('a')›)"),
        (Explode(), "‹Explode›"),
        (ExplodeLoudly(), "‹null›"),
    ],
)
def test_fault_that_the_grammar_does_not_know_has_no_text_form(fault: Fault, expected: str) -> None:
    assert expected == format_fault(fault)
    assert not has_text(rule_from("m:f", fault))


# --- markers and inject


def test_keywords_and_text_make_the_same_rule() -> None:
    keywords = rule_from("m:f", Raise(OSError), rate=0.2, nth=[1, 3], times=2)

    assert parse("m:f = 20%#1,3 2*raise(OSError)") == [keywords]


def test_object_is_a_target_by_its_name() -> None:
    import json

    assert Target("json", "dumps") == rule_from(json.dumps, Null).target


@pytest.mark.parametrize(
    ("target", "fault", "trigger"),
    [
        ("m:f", "hang", {}),
        ("m:f", OSError, {}),
        ("m:f", Raise, {}),
        ("m:f", Hang(), {"rate": 20}),
        ("m : f", Hang(), {}),
        ("m:f x", Hang(), {}),
        (3, Hang(), {}),
    ],
)
def test_error_of_a_marker_carries_its_place(target: Any, fault: Any, trigger: dict[str, Any]) -> None:
    with pytest.raises(SpecificationError, match=r"^marker at t\.py:3: "):
        rule_from(target, fault, "marker at t.py:3", **trigger)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("OSError", OSError),
        ("json:JSONDecodeError", sys.modules["json"].JSONDecodeError),
        ("json.JSONDecodeError", sys.modules["json"].JSONDecodeError),
        ("concurrent.futures:TimeoutError", TimeoutError),
    ],
)
def test_exception_is_imported_by_name(name: str, expected: type[BaseException]) -> None:
    assert expected is import_exception(name)


class Row:
    """Something of the user's that does not always show itself."""

    def __repr__(self) -> str:
        raise LookupError("its session is closed")


def test_object_that_cannot_show_itself_is_named_by_its_class() -> None:
    assert "return(‹Row object›)" == format_fault(Return(Row()))
