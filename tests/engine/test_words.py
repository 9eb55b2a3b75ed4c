"""The words that users meet most often, as they are: a change of one of them is seen here before they see it."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_chaos.absorption import Absorption
from pytest_chaos.findings import Cause, Caused
from pytest_chaos.observation import Answer, Failure
from pytest_chaos.oracles.error_codes import Disallowed
from pytest_chaos.oracles.lost import Swallowed
from pytest_chaos.provenance import Place
from pytest_chaos.report.advice import advice
from pytest_chaos.report.titles import title
from pytest_chaos.verdict import Evidence, Finding, Verdict

ADVICE = [
    (
        ("hung", "hang", "hang"),
        "Give this call a time limit, and handle the error it raises when the limit is over.",
    ),
    (
        ("hung", "standstill", "hang"),
        "Give this wait a limit, or make sure that the failing side always wakes up whoever waits for it.",
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
        "Write to a temporary file next to it, and put it in place with os.replace once it is whole.",
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
        "Guard against what the fault left behind: check for None, or give the variable a value before the call.",
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
        "Wait before each retry, longer each time, so that a failing dependency gets a rest.",
    ),
    (
        ("not recovered", "fails", "recovery"),
        "Drop or rebuild what the failure left broken, such as a cached error or a dead connection.",
    ),
    (
        ("changed", "assertion", "ending"),
        "Decide whether this is the answer you want when the dependency fails; if so, allow it in the "
        "contract, else handle the failure.",
    ),
    (
        ("escaped", "injected-error", "ending"),
        "Decide where this error is handled: catch it there, and retry, fall back or report it in your own terms.",
    ),
    (
        ("escaped", "translated-cause-lost", "ending"),
        "Chain the error to its cause (raise ... from error), so that whoever debugs it sees what failed first.",
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
    (Verdict.ESCAPED, Evidence("ending", "injected-error"), "pay lets the error of httpx bank:443 through"),
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
