"""The words that users meet most often, as they are: a change of one of them is seen here before they see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from pytest_chaos.absorption import Absorption
from pytest_chaos.contract import Contract
from pytest_chaos.errors import SpecificationError
from pytest_chaos.explorer import Tally
from pytest_chaos.faults.base import as_fault
from pytest_chaos.findings import Cause, Caused
from pytest_chaos.notation import parse
from pytest_chaos.observation import Answer, Failure
from pytest_chaos.oracles.error_codes import Disallowed
from pytest_chaos.oracles.lost import Swallowed
from pytest_chaos.provenance import Place
from pytest_chaos.report import lines
from pytest_chaos.report.advice import advice
from pytest_chaos.report.lines import verdict_text
from pytest_chaos.report.screen import screen
from pytest_chaos.report.titles import title
from pytest_chaos.triggers import checked_rate
from pytest_chaos.verdict import Evidence, Finding, Verdict

ADVICE = [
    (
        ("hung", "hang", "hang"),
        "Give this call a time limit, and handle the error it raises when time runs out.",
    ),
    (
        ("hung", "standstill", "hang"),
        "Give this wait a limit, or make sure that the failing side always wakes those who wait for it.",
    ),
    (
        ("leaked", "thread", "leaks"),
        "Tell the thread to stop, and join it, in a finally clause.",
    ),
    (
        ("leaked", "task", "leaks"),
        "Cancel the task and await it in a finally clause, or use asyncio.TaskGroup.",
    ),
    (
        ("leaked", "lock", "leaks"),
        "Release the lock in a finally clause, or use a with statement.",
    ),
    (
        ("leaked", "file-descriptor", "leaks"),
        "Close it in a finally clause, or use a with statement.",
    ),
    (
        ("leaked", "torn-file", "leaks"),
        "Write to a temporary file next to it, and move it into place with os.replace once it is complete.",
    ),
    (
        ("lost", "swallowed", "lost"),
        "Log the error or pass it on, and catch only what you expect here: nobody can tell that the call failed.",
    ),
    (
        ("lost", "task-error", "lost"),
        "Await the task or read the result of the job, or add a callback that logs its exception.",
    ),
    (
        ("lost", "thread-error", "lost"),
        "Catch the error in the thread's function, log it, and let the thread go on or tell its owner.",
    ),
    (
        ("wrong error", "no-cause", "ending"),
        "Guard against the missing result: check for None, or give the variable a value before the call.",
    ),
    (
        ("wrong error", "error-in-handler", "ending"),
        "Make the code that handles the failure work when the call before it has failed: it hides the first error.",
    ),
    (
        ("wrong error", "status", "error codes"),
        "Answer this failure with a status the contract allows, or add the status to the contract.",
    ),
    (
        ("storm", "no-cap", "storm"),
        "Limit the number of retries or the time they take, and raise an error when it is used up.",
    ),
    (
        ("storm", "no-back-off", "storm"),
        "Wait before each retry, longer each time, so that a failing dependency can recover.",
    ),
    (
        ("not recovered", "fails", "recovery"),
        "Drop or rebuild what the failure left broken, such as a cached error or a dead connection.",
    ),
    (
        ("changed", "assertion", "ending"),
        "Decide whether this is the answer you want when the dependency fails; if so, allow it in the "
        "contract; otherwise handle the failure.",
    ),
    (
        ("escaped", "injected-error", "ending"),
        "Decide where this error is handled: catch it there, and retry, fall back or report it in your own terms.",
    ),
    (
        ("escaped", "translated-cause-lost", "ending"),
        "Chain the error to its cause (raise ... from error), so that the traceback shows what failed first.",
    ),
    (
        ("inconclusive", "never-fired", "exercised"),
        "Let the test call the target, or correct the target or the trigger of the rule.",
    ),
]
UNBOUND = Failure("UnboundLocalError", Place("shop.py", 3, "pay"))
TITLES: list[tuple[Verdict, Evidence, str]] = [
    (Verdict.HUNG, Evidence("hang", "hang"), "pay waits for httpx bank:443 without a limit"),
    (Verdict.LEAKED, Evidence("leaks", "thread"), "pay leaves a thread behind when httpx bank:443 fails"),
    (Verdict.LEAKED, Evidence("leaks", "executor"), "pay leaves an executor behind when httpx bank:443 fails"),
    (Verdict.LEAKED, Evidence("leaks", "torn-file"), "pay leaves a torn file behind when httpx bank:443 fails"),
    (
        Verdict.LOST,
        Evidence("lost", "swallowed", about=Swallowed(Absorption("m:f", (), "except"))),
        "pay hides that httpx bank:443 failed",
    ),
    (Verdict.LOST, Evidence("lost", "task-error"), "a task started by pay dies unseen when httpx bank:443 fails"),
    (Verdict.STORM, Evidence("storm", "no-cap"), "pay calls httpx bank:443 again and again"),
    (
        Verdict.NOT_RECOVERED,
        Evidence("recovery", "probe"),
        "the system does not recover after httpx bank:443 has failed",
    ),
    (
        Verdict.WRONG_ERROR,
        Evidence("error codes", "status", about=Disallowed(Answer("POST http://shop/pay", 500, True, 0.1), (503,))),
        "POST http://shop/pay is answered 500 when httpx bank:443 fails",
    ),
    (
        Verdict.WRONG_ERROR,
        Evidence("ending", "no-cause", about=UNBOUND),
        "pay breaks with UnboundLocalError when httpx bank:443 fails",
    ),
    (Verdict.ESCAPED, Evidence("ending", "injected-error"), "pay lets the error from httpx bank:443 through"),
    (
        Verdict.ESCAPED,
        Evidence("ending", "translated", about=UNBOUND),
        "pay raises UnboundLocalError when httpx bank:443 fails",
    ),
    (
        Verdict.CHANGED,
        Evidence("ending", "assertion"),
        "the test sees a different answer when httpx bank:443 fails",
    ),
]


@pytest.mark.parametrize(("about", "words"), ADVICE, ids=lambda one: "-".join(one) if isinstance(one, tuple) else "")
def test_advice_is_one_sentence_that_says_what_to_do(about: tuple[str, str, str], words: str) -> None:
    assert advice(*about) == words


@pytest.mark.parametrize(("verdict", "evidence", "words"), TITLES)
def test_title_says_what_breaks_when_what_fails(verdict: Verdict, evidence: Evidence, words: str) -> None:
    cause: Any = Cause("", "", "", "", "", 0)
    finding = Finding(verdict, evidence, fails=True)

    assert title(Caused(cause, finding, Place("shop.py", 3, "pay"), "httpx bank:443")) == words


EXPLORED = Tally(tests=3, unreached=2, keys=4, runs=Counter({"all": 4, "first": 1}), checks=Counter({"probe": 2}))
ALL_BY_TESTS = Tally(tests=1, pruned=Counter({"made by the tests themselves": 2}))
RUN: dict[str, Any] = {
    "test": "t.py::test",
    "kind": "fault",
    "scenario": "m:f = hang",
    "seed": 0,
    "verdict": "hung",
    "fails": True,
    "outcome": "failed",
    "activations": 1,
    "duration_s": 0.5,
    "evidence": [],
    "rules": [],
    "fired": [],
    "ways": [],
    "causes": [],
    "replay": "pytest --chaos t.py::test",
}
RULE = {"text": "m:f = hang", "source": "t.py:3", "calls": 2, "activations": 0, "doubles": []}
DOUBLE = {"point": "m:f", "what": "fake", "place": "t.py:9"}
CALLS = {"calls": [{"module": "shop", "place": "shop.py:3 in pay", "calls": 2}], "wanted": [], "parameters": []}
FINDING = {
    "id": "0123456789",
    "verdict": "hung",
    "fails": True,
    "accepted": False,
    "kind": "hang",
    "title": "pay waits for bank without a limit",
    "text": "nothing ended it",
    "place": "shop.py:3 pay",
    "dependency": "bank",
    "points": ["m:f"],
    "faults": ["hang", "raise(OSError)"],
    "tests": ["t.py::test"],
    "results": [0],
    "advice": "Set a limit.",
    "replay": "pytest --chaos t.py::test",
}


def run(**changes: Any) -> dict[str, Any]:
    return {**RUN, **changes}


def on_screen(*findings: dict[str, Any], gone: Any = ()) -> list[str]:
    return [line.text for line in screen(findings, [], gone)]


def reported(kind: str) -> dict[str, Any]:
    return {**FINDING, "verdict": "escaped", "fails": False, "kind": kind}


SCREEN: list[tuple[list[str], list[str]]] = [
    (
        on_screen(FINDING),
        [
            "1 finding fails:",
            " 1. hung: pay waits for bank without a limit [0123456789]",
            "      when:       bank raises OSError or hangs (1 run of t.py::test)",
            "      where:      shop.py:3 pay: nothing ended it",
            "      what to do: Set a limit.",
            "      run again:  pytest --chaos t.py::test",
        ],
    ),
    (
        on_screen({**FINDING, "verdict": "lost", "fails": False})[:1],
        ["1 finding worth a look, which does not fail:"],
    ),
    (
        on_screen(*[FINDING] * 12)[-1:],
        ["2 more fail: 2 hung; --chaos-report FILE.json lists all of them"],
    ),
    (
        on_screen({**FINDING, "accepted": True, "fails": False}),
        ["accepted by the baseline: 1 finding (1 hung)"],
    ),
    (
        on_screen(gone=[{"id": "0123456789", "title": "x"}]),
        [
            "1 accepted finding did not occur; --chaos-write-baseline writes a baseline without it",
            "    0123456789 x",
        ],
    ),
    (
        on_screen(reported("injected-error")),
        ["not handled: errors from bank reach the test, through shop.py:3 pay (1 run)"],
    ),
    (
        on_screen(reported("translated")),
        ["translated: errors from bank reach the test as other errors, on purpose, through shop.py:3 pay (1 run)"],
    ),
    (
        on_screen(reported("declared-error")),
        ["declared: errors from bank reach the test as errors that the contract allows, through shop.py:3 pay (1 run)"],
    ),
    (
        on_screen(reported("own-limit")),
        [
            "timed out: the wait for bank has a time limit, and its error reaches the test, through shop.py:3 pay "
            "(1 run)"
        ],
    ),
    (
        verdict_text(run(verdict="resilient", rules=[{**RULE, "activations": 2}])).splitlines(),
        [
            "chaos: resilient: no problems found",
            "  rule: m:f = hang (t.py:3): fired on 2 of 2 calls",
            "run again: pytest --chaos t.py::test",
        ],
    ),
    (
        [lines.totals([run(), run(verdict="resilient", fails=False, outcome="passed")])],
        ["2 chaos runs of 1 test in 1.00s: 1 resilient, 1 hung; 1 failing"],
    ),
    (
        [line for line, _ in lines.seeds([[run(seed=1), run(seed=2, activations=0)]])],
        ["t.py::test: m:f = hang: fired in 1 of 2 runs, hung in all"],
    ),
    ([lines.leak_totals([], 2)], ["leaks without faults: 2 tests checked; 0 failing"]),
    (
        lines.exploration([EXPLORED]),
        ["explored 3 tests: 4 keys, 5 scenarios run (4 all, 1 first), and 2 probes", "2 more tests reached no target"],
    ),
    (
        lines.exploration([Tally(tests=1, keys=1, estimated_s=3.0)], only_planned=True),
        ["planned for 1 test: 1 key, about 3 s; nothing was run"],
    ),
    (lines.exploration([Tally(unreached=1)]), ["no test reached a target"]),
    (lines.pruned([Tally(pruned=Counter({"only one call": 2}))]), ["pruned 2: only one call (2)"]),
    (
        lines.all_made_by_tests([ALL_BY_TESTS]),
        [
            "nothing was explored: the tests made all 2 calls themselves, with no project code in between",
            "  if the code under test was taken for test code, or is an installed package: name it in the ini key "
            "chaos_packages, or with --chaos-target 'package.**:*'",
            "  if the tests call the dependency directly: explore these calls with "
            "@pytest.mark.chaos_explore(driver=True), or write a fault test",
        ],
    ),
    (
        lines.reasons([run(verdict="inconclusive", fails=False, evidence=[{"text": "it never fired"}])]),
        ["inconclusive: t.py::test: it never fired"],
    ),
    (lines.rate_zero([("m:f = 0%null", "t.py:3")]), ["never fires, because its rate is 0: m:f = 0%null (t.py:3)"]),
    (
        list(lines.never_fired([run(rules=[{**RULE, "calls": 0, "refused": {**CALLS, "caller": ""}}])]).values()),
        [
            "never fired: m:f = hang (t.py:3): 0 calls; its filters excluded calls from shop at shop.py:3 in pay "
            "(2 times)"
        ],
    ),
    (
        lines.doubles_met([run(rules=[{**RULE, "doubles": [DOUBLE]}])]),
        ["test double: m:f is fake (t.py:9)"],
    ),
]


@pytest.mark.parametrize(("shown", "words"), SCREEN)
def test_lines_of_the_terminal_say_what_was_found_and_run(shown: list[str], words: list[str]) -> None:
    assert words == shown


REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: parse("m:f"), "'m:f' has no fault"),
    (lambda: parse("m:f = 120%null"), "a rate lies between 0% and 100%, got 120%"),
    (lambda: parse("m:f = hagn"), "unknown fault 'hagn'"),
    (lambda: checked_rate(20), "rate must lie in [0, 1], got 20"),
    (lambda: Contract().with_keys({"status": [99]}), "contract status: 99 is not a status code"),
    (lambda: as_fault(TimeoutError), "TimeoutError is an exception, not a fault"),
]


@pytest.mark.parametrize(("refuse", "words"), REFUSED)
def test_refusals_say_what_is_wrong(refuse: Callable[[], object], words: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        refuse()

    assert words in str(caught.value)
