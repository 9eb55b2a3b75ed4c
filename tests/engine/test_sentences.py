"""Facts and sentences: what each oracle can find, and how it is told; word for word, for other tools read them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_args

import pytest

from pytest_chaos import Evidence, Hang, HttpAnswer, LoseReply, Raise, Verdict
from pytest_chaos.absorption import Absorption
from pytest_chaos.contract import Contract
from pytest_chaos.faults.base import Limit
from pytest_chaos.gaps import Gap
from pytest_chaos.journal import Activation
from pytest_chaos.observation import (
    Answer,
    Failure,
    LastAnswer,
    Observation,
    ParkedSeen,
    RuleSeen,
    SpotSeen,
    Steady,
    Unhandled,
)
from pytest_chaos.oracles import ORACLES
from pytest_chaos.oracles.exercised import Cold, Unconfirmed, Unstable
from pytest_chaos.oracles.recovery import Polluted
from pytest_chaos.provenance import Place
from pytest_chaos.report.sentences import SENTENCES, told
from pytest_chaos.resources.files import Content, FileSeen
from pytest_chaos.resources.leftovers import LeftKind, Leftover
from pytest_chaos.resources.standstill import StandstillSeen
from pytest_chaos.resources.waits import Wait
from pytest_chaos.shapes import Shape
from pytest_chaos.target import Target
from pytest_chaos.trace import Loop

HERE, LINE = Place("test_shop.py", 3, "test_sale"), Place("shop.py", 8, "pay")
FIRED = RuleSeen("m:f = hang", "t.py:3", 1, 1, True, ("m:f",), "m:f", "hang")
SILENT = replace(FIRED, calls=0, fired=0)
CALL = Activation("m:f = hang", "m:f", Hang(), 2, "main", 1, 0.0, "MainThread", "abc")
PARKED = ParkedSeen(
    CALL,
    "MainThread",
    "hung",
    waits=(Wait("worker", (LINE,), "queue.Queue.get"),),
    limit=Limit("timeout", None),
    without=LINE,
    budget_s=0.5,
)
FAILED = Failure("KeyError", HERE, message="x")
STOOD = StandstillSeen("body", "proved", "all wait", waits=(Wait("worker", (LINE, HERE)),))
CAUGHT = Absorption("m:f", ("pay",), "except", LINE, "except E")
IDLE = replace(CAUGHT, taker="project", does="nothing", span=(6, 9))
OK, MOVED = Answer("GET http://test/", 200, True, 0.1), Answer("PUT http://test/", 201, True, 0.1)
SHOWING = replace(OK, status=500, body=b"Traceback (most recent call last): x")
WRITTEN = FileSeen("<tmp>/x", LINE, "pay", Content(9, b"abcdefghi"), None, True)
STEADY = Steady({"m:f": 1}, (), (OK,))
AGAIN = SpotSeen("m:f", LINE, 3, 1, 0.5)
BOOK = Place("shop.py", 12, "book")
GONE = SpotSeen("m:g", BOOK, 1, 2, above=(BOOK,), actor="main")
LOST = Leftover("task-error", "task 'x' died", "task-error shop.py:8 in pay", place=LINE)


def seen(**facts: Any) -> Observation:
    given: dict[str, Any] = {"rules": (FIRED,), "activations": (CALL,), "answers": (OK,), "contract": Contract()}
    return Observation("t.py::test", facts.pop("kind", "fault"), 0, "m:f = hang", **{**given, **facts})


def compared(**facts: Any) -> Observation:
    return seen(**{"kind": "explored", "steady": STEADY, **facts})


def recovery(fresh: str, **facts: Any) -> Observation:
    return seen(**{"kind": "recovery", "rules": (), "activations": (), "steady": STEADY, "fresh": fresh, **facts})


def left(kind: LeftKind) -> Leftover:
    return Leftover(kind, f"{kind} 'x' made at shop.py:8 in pay", f"{kind} shop.py:8 in pay", place=LINE)


IN_THREAD = "m:f, call 2 [abc] in thread 'MainThread': "
MAY = "might still have ended it; raise the budget (--chaos-hang-budget)"
NEVER = "rule never fired: m:f = hang (t.py:3): "
WITHOUT_FAULTS = "without any fault, in the"
PROXIED, EXITED = replace(OK, status=504, body=b"<p>x</p>"), Answer("shop sync", 3, True, 0.1, kind="exit")
PAID = Answer("/shop.Bank/Pay", 13, True, 0.1, kind="grpc")
LOST_REPLY = replace(CALL, fault=LoseReply(OSError))
TIMED_OUT = replace(CALL, fault=Raise(TimeoutError))
TOLD: list[tuple[str, Observation, str]] = [
    (
        "error codes table",
        seen(contract=Contract(table=(("OSError", 503),)), activations=(TIMED_OUT,), answers=(PROXIED,)),
        "GET http://test/ was answered 504; the contract's table wants 503 for TimeoutError",
    ),
    (
        "effects doubled",
        compared(contract=Contract(effects=(Target("m", "f"),)), activations=(LOST_REPLY,), spots=(AGAIN,)),
        "m:f was really called 3 times, and once in the plain run",
    ),
    (
        "degradation optional",
        compared(contract=Contract(optional=(Target("m", "f"),)), activations=(TIMED_OUT,), answers=(PROXIED,)),
        "only m:f failed, which is optional: the test received GET 504 instead of GET 200",
    ),
    (
        "degradation optional",
        compared(contract=Contract(optional=(Target("m", "f"),)), activations=(TIMED_OUT,), failure=FAILED),
        "only m:f failed, which is optional: the test ended with KeyError: x at test_shop.py:3 in test_sale",
    ),
    (
        "degradation core",
        compared(
            contract=Contract(optional=(Target("m", "f"),), core=(Target("m", "g"),)),
            activations=(TIMED_OUT,),
            steady=replace(STEADY, calls={"m:f": 1, "m:g": 1}),
        ),
        "only m:f failed, which is optional: m:g was not called (once in the plain run)",
    ),
    (
        "error codes exit-code",
        seen(contract=Contract(exit_codes=(0, 1)), answers=(EXITED,)),
        "shop sync ended with exit code 3; the contract allows 0, 1",
    ),
    (
        "error codes grpc-code",
        seen(contract=Contract(grpc_codes=("OK", "UNAVAILABLE")), answers=(PAID,)),
        "/shop.Bank/Pay ended with INTERNAL; the contract allows OK, UNAVAILABLE",
    ),
    (
        "bodies body",
        seen(contract=Contract(body=Shape((("code", "str"),))), answers=(PROXIED,)),
        "GET http://test/ was answered 504 with a body outside the contract, it is no JSON: <p>x</p>",
    ),
    (
        "deadline late",
        seen(contract=Contract(deadline_s=2.0), answers=(replace(OK, took_s=0.5),), spared_s=5.0),
        "GET http://test/ took 0.5 s, without 5 s of waits whose end was raised at once; the contract gives it 2 s",
    ),
    (
        "deadline late",
        seen(contract=Contract(deadline_s=2.0), answers=(), duration_s=2.5),
        "the test's body took 2.5 s; the contract gives it 2 s",
    ),
    ("exercised specification", seen(problems=("when raised",)), "when raised"),
    ("exercised never-fired", seen(rules=(SILENT,)), NEVER + "the test never called it"),
    ("exercised never-fired", seen(rules=(replace(SILENT, points=()),)), NEVER + "its target matched nothing"),
    (
        "exercised never-fired",
        seen(rules=(replace(SILENT, unreached=("shop.TABLE",)),)),
        NEVER + "the test never called it by name; only the name is patched, and not in shop.TABLE",
    ),
    (
        "hang hang",
        seen(parked=(PARKED,)),
        f"{IN_THREAD}nothing ended it within the hang budget of 0.5 s; called without a timeout at shop.py:8 in pay",
    ),
    (
        "hang hang",
        seen(parked=(replace(PARKED, limit=None, without=None, meaning="all wait", still_at=(LINE, HERE)),)),
        f"{IN_THREAD}proved: all wait; after its release the test still waited and was interrupted, at shop.py:8 in "
        "pay < test_shop.py:3 in test_sale",
    ),
    (
        "hang hang",
        seen(parked=(replace(PARKED, limit=None, without=None, still_at=()),)),
        f"{IN_THREAD}nothing ended it within the hang budget of 0.5 s; after its release the test still waited "
        "and was interrupted, at an unknown place",
    ),
    (
        "hang hang",
        seen(failure=Failure("E", is_release=True)),
        "the test itself was still waiting when the hang was released: E",
    ),
    (
        "hang timed-wait",
        seen(parked=(replace(PARKED, outcome="inconclusive", limit=Limit("timeout", 5.0), without=None),)),
        f"{IN_THREAD}its own timeout of 5 s {MAY}",
    ),
    (
        "hang timed-wait",
        seen(parked=(replace(PARKED, outcome="inconclusive", limit=None, without=None, timed=LINE),)),
        f"{IN_THREAD}a timed wait at shop.py:8 in pay {MAY}",
    ),
    (
        "hang abandoned",
        seen(parked=(replace(PARKED, outcome="abandoned"),)),
        f"{IN_THREAD}the test went on without it, and it was still hanging",
    ),
    (
        "hang abandoned",
        seen(parked=(replace(PARKED, outcome="abandoned", was_closing=True),)),
        f"{IN_THREAD}the event loop that ran it in a worker thread was being closed",
    ),
    (
        "hang loop-blocked",
        seen(parked=(replace(PARKED, outcome="left", blocks_loop=True),)),
        "m:f, call 2 [abc] blocked the event loop of thread 'MainThread'",
    ),
    ("hang standstill", seen(standstills=(STOOD,)), "the body never ends: all wait"),
    (
        "error codes status",
        seen(contract=Contract(status=(201, "4xx"))),
        "GET http://test/ was answered 200; the contract allows 201, 4xx",
    ),
    (
        "insides inside",
        seen(answers=(SHOWING,)),
        "GET http://test/ was answered 500 with a traceback in the body: Traceback (most recent call last): x",
    ),
    (
        "insides other-type",
        seen(answers=(replace(SHOWING, body=b"<html>", headers=(("content-type", "application/json"),)),)),
        "GET http://test/ was answered 500 as application/json, which the body is not: <html>",
    ),
    (
        "forwarding forwarded",
        seen(
            answers=(replace(SHOWING, status=502, body=b"<html>"),),
            activations=(
                Activation("m:f = x", "m:f", HttpAnswer(502, "<html>"), 1, "main", 1, 0.0, "MainThread", "a"),
            ),
        ),
        "GET http://test/ was answered 502 with the very body of what m:f was answered",
    ),
    ("ending other-error", seen(failure=FAILED), "the test ended with KeyError: x at test_shop.py:3 in test_sale"),
    ("ending injected-error", seen(failure=Failure("E", is_injected=True)), "the test ended with E"),
    (
        "ending taken-outside",
        compared(failure=Failure("E", is_assertion=True), absorptions=(replace(CAUGHT, taker="outside"),)),
        "the injected error left the project, and the test or its client took it; the test ended with E",
    ),
    (
        "ending logged-error",
        compared(logged=(Failure("KeyError", LINE, message="x"),)),
        "a framework took and logged an error that nobody wrote: KeyError: x at shop.py:8 in pay",
    ),
    (
        "ending unexpected-body",
        compared(logged=(Failure("JSONDecodeError", LINE, message="x", is_over_body=True),)),
        "the body of the answer was read as if the request had succeeded: JSONDecodeError: x at shop.py:8 in pay",
    ),
    (
        "ending missed-by-handler",
        compared(
            failure=Failure("E", is_injected=True),
            absorptions=(replace(CAUGHT, end="escaped", gap=Gap("missed-by-handler", LINE, "except KeyError")),),
        ),
        "except KeyError at shop.py:8 in pay does not take this error; the test ended with E",
    ),
    (
        "ending unhandled",
        compared(
            failure=Failure("E", is_assertion=True),
            absorptions=(replace(CAUGHT, taker="outside", gap=Gap("left-entry-point", LINE, "request", "Flask")),),
        ),
        "no handler of the project took E; Flask would answer 500, and the test's client handed it on",
    ),
    (
        "ending unhandled",
        compared(failure=Failure("E", gap=Gap("left-entry-point", LINE, "command", "Click"), is_injected=True)),
        "no handler of the project took E; it ended the command",
    ),
    *(
        (
            "ending unhandled",
            seen(
                answers=(),
                unhandled=(Unhandled(Failure("E", is_caused_by_fault=True), gap, "Flask", LastAnswer(how, 500)),),
            ),
            f"no handler of the project took E; the last resort of Flask {did}",
        )
        for how, did, gap in (
            ("answered", "answered 500", Gap("left-entry-point", LINE, "request")),
            ("failed", "let the job fail", Gap("left-entry-point", LINE, "job")),
            ("closed", "closed the connection without an answer", Gap("left-entry-point", LINE, "request")),
            ("broken off", "broke off the answer that had begun", Gap("left-entry-point", LINE, "request")),
        )
    ),
    ("ending declared-error", seen(failure=Failure("E", is_declared=True)), "the test ended with E"),
    (
        "ending translated-cause-lost",
        seen(failure=Failure("E", is_declared=True), activations=(), injected_errors=1),
        "the test ended with E; the injected error is not in its chain of causes",
    ),
    (
        "ending translated",
        seen(failure=Failure("E", is_meant=True, is_caused_by_fault=True)),
        "the test ended with E",
    ),
    (
        "ending answered",
        compared(failure=Failure("E", is_assertion=True), absorptions=(replace(IDLE, does="raises"),)),
        "the test ended with E",
    ),
    ("ending error-in-handler", seen(failure=Failure("E", is_caused_by_fault=True)), "the test ended with E"),
    (
        "ending own-limit",
        seen(
            failure=Failure("E", is_timeout=True), parked=(replace(PARKED, outcome="left", ended_by="CancelledError"),)
        ),
        "the test ended with E",
    ),
    ("ending assertion", seen(failure=Failure("E", is_assertion=True)), "the test ended with E"),
    ("ending no-cause", compared(failure=Failure("E")), "the test ended with E"),
    ("ending test-error", compared(failure=Failure("E", is_in_test=True)), "the test ended with E"),
    (
        "ending allowed-answer",
        compared(
            failure=Failure("E", is_assertion=True),
            answers=(Answer("GET http://test/", 503, True, 0.1),),
            contract=Contract(status=(200, 503)),
        ),
        "the test ended with E",
    ),
    (
        "ending unrelated",
        seen(failure=FAILED, rules=(replace(FIRED, fired=0),)),
        "the test failed before any fault fired: KeyError: x",
    ),
    (
        "ending teardown-failed",
        compared(teardown=Failure("AssertionError", LINE, is_assertion=True, message="not asked")),
        "the teardown failed with AssertionError: not asked at shop.py:8 in pay",
    ),
    ("ending teardown", seen(teardown_error="E: x"), "the teardown raised the injected error: E: x"),
    (
        "ending after-release",
        seen(failure=FAILED, parked=(PARKED,)),
        "after a hang was released, the test ended with KeyError: x",
    ),
    (
        "ending after-torn-file",
        compared(failure=FAILED, absorptions=(CAUGHT,), files=(replace(WRITTEN, after=Content(0, b"")),)),
        "over the file that was left half written, the test ended with KeyError: x at test_shop.py:3 in test_sale",
    ),
    ("recovery probe", seen(recovery="the probe was not true"), "the probe was not true"),
    (
        "recovery fails",
        recovery("passes", failure=FAILED, polluter="m:f hang all"),
        "after m:f hang all, with all faults lifted, the test fails with KeyError: x at test_shop.py:3 in test_sale; "
        "in a fresh process it does not",
    ),
    (
        "recovery fails",
        recovery("before", failure=FAILED, polluter="m:f hang all"),
        "after m:f hang all, with all faults lifted, the test fails with KeyError: x at test_shop.py:3 in test_sale; "
        "in the plain run it did not",
    ),
    (
        "recovery polluted",
        recovery("passes", failure=FAILED, polluter="m:f hang all"),
        "later scenarios of this test ran in a process that had not recovered",
    ),
    (
        "recovery teardown",
        recovery("passes", teardown_error="E: x"),
        "after the scenarios of this test, with all faults lifted, the teardown fails with E: x; in a fresh process it "
        "does not",
    ),
    (
        "recovery hangs",
        recovery("unknown", standstills=(STOOD,)),
        "the body never ends: all wait; whether the faults caused this is unknown: no fresh process could be used "
        "to check",
    ),
    (
        "recovery costs-more",
        recovery("", spots=(AGAIN,)),
        "shop.py:8 pay calls m:f 3 times instead of 1; whether the faults caused this is unknown: no fresh "
        "process could be used to check",
    ),
    (
        "recovery costs-less",
        recovery("", spots=(replace(AGAIN, calls=1, plain_calls=2),)),
        "shop.py:8 pay calls m:f once instead of 2; whether the faults caused this is unknown: no fresh "
        "process could be used to check",
    ),
    (
        "recovery remembers",
        recovery("varies", spots=(replace(AGAIN, calls=0),)),
        "shop.py:8 pay calls m:f 0 times instead of 1; this also happens without any fault, from the second run on",
    ),
    (
        "recovery unstable",
        recovery("fails", teardown_error="E"),
        f"unstable: the teardown fails with E; so it does {WITHOUT_FAULTS} first run of a fresh process",
    ),
    (
        "recovery unstable",
        recovery("varies", teardown_error="E"),
        f"unstable: the teardown fails with E; so it does {WITHOUT_FAULTS} second run of a fresh process",
    ),
    (
        "recovery unstable",
        recovery("passes", spots=(AGAIN,)),
        "unstable: shop.py:8 pay calls m:f 3 times instead of 1, and not so in a fresh process, whichever of the "
        "scenarios ran there before",
    ),
    (
        "recovery unstable",
        recovery("unsteady", spots=(AGAIN,)),
        "unstable: shop.py:8 pay calls m:f 3 times instead of 1, but not when it was run again",
    ),
    ("lost task-error", seen(leftovers=(LOST,)), "task 'x' died"),
    ("lost thread-error", seen(leftovers=(replace(LOST, kind="thread-error"),)), "task 'x' died"),
    (
        "lost swallowed",
        compared(injected_errors=1, absorptions=(IDLE,), answers=()),
        "raised in m:f → passed pay → caught in shop.py:8 pay (except E), which does nothing about it; it was not "
        "tried again, nothing was logged, and what came out is not what the plain run gives",
    ),
    (
        "lost swallowed",
        compared(injected_errors=1, absorptions=(replace(IDLE, is_broad=True),), spots=(GONE,)),
        "raised in m:f → passed pay → caught in shop.py:8 pay (except E), which takes every error and does nothing "
        "about it; it was not tried again, nothing was logged, and shop.py:12 book called m:g once (2 times in the "
        "plain run)",
    ),
    (
        "lost swallowed",
        compared(injected_errors=1, absorptions=(replace(CAUGHT, end="task"),), answers=()),
        "raised in m:f → passed pay → stored in task (shop.py:8 pay), and nobody raised it again; it was not tried "
        "again, nothing was logged, and what came out is not what the plain run gives",
    ),
    (
        "lost quiet-fallback",
        compared(injected_errors=1, absorptions=(replace(IDLE, is_broad=True, does="answers"),), answers=()),
        "raised in m:f → passed pay → caught in shop.py:8 pay (except E), which takes every error; it was not tried "
        "again, nothing was logged, and what came out is not what the plain run gives",
    ),
    (
        "same answer other-answer",
        compared(is_transient=True, spots=(AGAIN,), answers=(MOVED,)),
        "the retry succeeded, but the test received a different answer from the plain run: PUT 201 instead of GET 200",
    ),
    (
        "same answer other-answer",
        compared(is_transient=True, spots=(AGAIN,), answers=(OK, OK)),
        "the retry succeeded, but the test received a different answer from the plain run: 2 answers instead of 1",
    ),
    (
        "storm amplification",
        compared(spots=(AGAIN,), contract=Contract(amplification=2)),
        "m:f was called 3 times, 3 times as often as in the plain run; the contract allows 2",
    ),
    ("storm let-through", compared(let_through="after 100 activations"), "after 100 activations"),
    (
        "storm no-cap",
        compared(spots=(replace(AGAIN, calls=60, loop=Loop(LINE, True)),)),
        "shop.py:8 pay called m:f 60 times (once in the plain run): it retries without a limit",
    ),
    (
        "storm no-cap",
        compared(spots=(replace(AGAIN, calls=60),)),
        "shop.py:8 pay called m:f 60 times (once in the plain run): it retries, limited by time at most",
    ),
    (
        "storm no-back-off",
        compared(spots=(replace(AGAIN, calls=7, plain_calls=2, gap_s=0.0),)),
        "shop.py:8 pay called m:f 7 times (2 times in the plain run): it retries without waiting in between",
    ),
    *(
        (f"leaks {kind}", seen(leftovers=(left(kind),)), f"{kind} 'x' made at shop.py:8 in pay")
        for kind in get_args(LeftKind)
        if kind not in ("task-error", "thread-error", "dropped-open")
    ),
    (
        "leaks dropped-open",
        compared(
            absorptions=(CAUGHT,),
            leftovers=(replace(left("dropped-open"), opened_at=(LINE,), is_closed_plainly=True),),
        ),
        "dropped-open 'x' made at shop.py:8 in pay; it was dropped without being closed, and the plain run closes it",
    ),
    (
        "leaks lock",
        compared(leftovers=(left("lock"),), steady=replace(STEADY, leftovers=(left("lock"),))),
        "pre-existing: lock 'x' made at shop.py:8 in pay",
    ),
    (
        "leaks thread",
        seen(leftovers=(replace(left("thread"), is_tests=True),)),
        "thread 'x' made at shop.py:8 in pay; the test cleans it up itself, but failed before it got there",
    ),
    (
        "leaks task",
        seen(leftovers=(replace(left("task"), is_note=True, is_in_hang=True),)),
        "task 'x' made at shop.py:8 in pay; only the closing of its event loop ended the injected hang",
    ),
    *(
        (
            "leaks torn-file",
            compared(absorptions=(CAUGHT,), files=(replace(WRITTEN, after=after),)),
            f"file <tmp>/x was left {words}; opened for writing at shop.py:8 in pay",
        )
        for after, words in (
            (Content(0, b""), "empty instead of 9 bytes"),
            (Content(3, b"abc"), "with only the first 3 of 9 bytes"),
        )
    ),
    (
        "leaks file-left",
        compared(
            absorptions=(CAUGHT,),
            files=(replace(WRITTEN, before=None, after=Content(3, b"abc")),),
            steady=replace(STEADY, files=(replace(WRITTEN, before=None, after=None),)),
        ),
        "file <tmp>/x was left behind, and the plain run removes it; opened for writing at shop.py:8 in pay",
    ),
]
# Said by who runs an explored test again and again, and not by an oracle: no single run shows it.
OF_SEVERAL_RUNS = [
    (
        Evidence("exercised", "unstable", about=Unstable(Verdict.NOT_RECOVERED)),
        "unstable: not recovered did not occur again when the same faults were injected a second time",
    ),
    (
        Evidence("exercised", "unstable", about=Unstable()),
        "unstable: the test also fails in a fresh process, without any fault",
    ),
    (
        Evidence("exercised", "unconfirmed", about=Unconfirmed(Verdict.HUNG)),
        "not confirmed: hung, but the budget was used up before it could be run again",
    ),
    (
        Evidence("exercised", "cold", about=Cold(("m:f", "m:g"))),
        "only the first run in a process calls m:f, m:g, so the scenario was run in a fresh process",
    ),
    (
        Evidence("recovery", "polluted", about=Polluted("m:f hang all")),
        "this process has not recovered from an earlier scenario: m:f hang all",
    ),
]


def evidence_of(observed: Observation) -> list[Evidence]:
    return [finding.evidence for oracle in ORACLES for finding in oracle(observed)]


@pytest.mark.parametrize(("kind", "observed", "words"), TOLD)
def test_each_kind_of_evidence_has_its_sentence(kind: str, observed: Observation, words: str) -> None:
    found = [told(one) for one in evidence_of(observed) if f"{one.oracle} {one.kind}" == kind]

    assert [words] == [sentence.partition("\n")[0] for sentence in found]


@pytest.mark.parametrize(("evidence", "words"), OF_SEVERAL_RUNS)
def test_what_several_runs_show_has_its_sentence(evidence: Evidence, words: str) -> None:
    assert words == told(evidence)


def test_there_is_a_sentence_for_each_kind_of_evidence_and_for_no_other() -> None:
    said = {(one.oracle, one.kind) for _, observed, _ in TOLD for one in evidence_of(observed)}
    said |= {(one.oracle, one.kind) for one, _ in OF_SEVERAL_RUNS}

    assert said == set(SENTENCES)


def test_no_oracle_of_ours_makes_a_sentence() -> None:
    assert all(one.text == "" and one.about is not None for _, observed, _ in TOLD for one in evidence_of(observed))


def test_who_waits_is_told_line_by_line() -> None:
    (hang,) = evidence_of(seen(parked=(PARKED,)))
    (stood,) = evidence_of(seen(standstills=(STOOD,)))

    assert told(hang).endswith("in pay\n  waiting: worker at shop.py:8 in pay, in queue.Queue.get")
    assert told(stood).endswith("all wait\n  waiting: worker at shop.py:8 in pay < test_shop.py:3 in test_sale")


@pytest.mark.parametrize(
    ("observed", "facts"),
    [
        (seen(rules=(SILENT,)), {"point": "m:f"}),
        (seen(rules=(replace(SILENT, points=("m:f", "m:g")),)), {}),
        (seen(parked=(PARKED,)), {"place": LINE, "point": "m:f", "call": 2}),
        (seen(standstills=(STOOD,)), {"place": LINE}),
        (seen(failure=FAILED), {"place": HERE, "point": "m:f", "call": 2}),
        (seen(failure=FAILED, activations=(CALL, replace(CALL, number=3))), {"place": HERE, "point": "m:f"}),
        (seen(failure=FAILED, activations=(CALL, replace(CALL, point="m:g"))), {"place": HERE}),
        (recovery("", spots=(AGAIN,)), {"place": LINE, "point": "m:f"}),
        (recovery("", failure=FAILED), {"place": HERE}),
        (seen(leftovers=(left("lock"),)), {"place": LINE, "fingerprint": "lock shop.py:8 in pay"}),
        (seen(leftovers=(LOST,)), {"place": LINE, "fingerprint": "task-error shop.py:8 in pay"}),
        (compared(injected_errors=1, absorptions=(IDLE,), answers=()), {"place": LINE, "point": "m:f"}),
        (compared(spots=(replace(AGAIN, calls=60),)), {"place": LINE, "point": "m:f"}),
        (seen(contract=Contract(status=(201,))), {}),
    ],
)
def test_evidence_says_where_at_which_call_and_of_which_leftover(observed: Observation, facts: dict[str, Any]) -> None:
    (one,) = evidence_of(observed)
    empty = {field.name: field.default for field in fields(one) if field.name in ("place", "point", "call")}

    assert {**empty, "fingerprint": "", **facts} == {
        name: getattr(one, name) for name in ("place", "point", "call", "fingerprint")
    }


def test_sentence_of_a_third_party_is_told_as_it_is() -> None:
    assert "it sighed" == told(Evidence("grumpy", "mood", "it sighed"))
    assert "it sighed" == told(Evidence("hang", "hang", "it sighed", about=PARKED))


def test_evidence_of_a_third_party_without_a_sentence_is_told_by_its_kind() -> None:
    assert ["mood", "thread"] == [told(Evidence("grumpy", "mood", about=3)), told(Evidence("leaks", "thread"))]
