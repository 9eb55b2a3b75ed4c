"""WHETHER, where a plain run is there to compare with: tables of observations, and what each oracle says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_chaos import Hang, LoseReply, Null, Raise
from pytest_chaos.absorption import Absorption
from pytest_chaos.contract import Contract
from pytest_chaos.experiment import judge
from pytest_chaos.journal import Activation
from pytest_chaos.observation import Answer, Failure, Observation, ParkedSeen, RuleSeen, SpotSeen, Steady
from pytest_chaos.oracles import ORACLES
from pytest_chaos.oracles.ending import has_allowed_error, judge_ending
from pytest_chaos.oracles.exercised import judge_exercised
from pytest_chaos.oracles.hang import judge_hang
from pytest_chaos.oracles.leaks import judge_leaks
from pytest_chaos.oracles.lost import judge_lost, judge_swallowed
from pytest_chaos.oracles.recovery import judge_recovery, recovery_trouble
from pytest_chaos.oracles.same_answer import judge_same_answer
from pytest_chaos.oracles.storm import UNCAPPED, judge_storm
from pytest_chaos.provenance import Place
from pytest_chaos.report.sentences import told
from pytest_chaos.resources.leftovers import Leftover
from pytest_chaos.trace import Loop

FIRED = RuleSeen("m:f = raise(E)", "exploration", 1, 1, True, ("m:f",), "m:f", "raise(E)")
ACTIVATION = Activation("m:f = raise(E)", "m:f", Raise(OSError), 1, "main", 1, 0.0, "MainThread", "abc")
CAUGHT = Absorption("m:f", (), "except", Place("shop.py", 9, "pay"), "except E")
ESCAPED = replace(CAUGHT, end="escaped")
PLACE = Place("shop.py", 8, "pay")
IDLE = replace(CAUGHT, taker="project", does="nothing", is_broad=True, span=(7, 10))
NAMED = replace(IDLE, is_broad=False)
ANSWERS = replace(IDLE, does="answers")
RAISES = replace(IDLE, does="raises")
ABSENT = replace(NAMED, is_for_absence=True)
FAILS: dict[str, Any] = {"failure": Failure("AssertionError", is_assertion=True)}
PLAIN_CALLS = {"m:f": 1, "m:g": 2}
PLAIN_SPOTS = (SpotSeen("m:f", Place("shop.py", 8, "pay"), 1, 1), SpotSeen("m:g", Place("shop.py", 12, "pay"), 2, 2))


def answer(status: int, request: str = "GET http://test/", *, is_to_driver: bool = True) -> Answer:
    return Answer(request, status, is_to_driver, 0.1)


MISTAKE = Failure("KeyError", Place("shop.py", 5, "show"), message="x")
STEADY = Steady(PLAIN_CALLS, (), (answer(200),))


def explored(**changes: Any) -> Observation:
    """A run in which the fault fired, was caught, and nothing came of it."""
    given: dict[str, Any] = {
        "test": "t.py::test",
        "kind": "explored",
        "seed": 0,
        "scenario": "m:f = raise(E)",
        "contract": Contract(),
        "rules": (FIRED,),
        "activations": (ACTIVATION,),
        "injected_errors": 1,
        "absorptions": (CAUGHT,),
        "answers": (answer(200),),
        "spots": PLAIN_SPOTS,
        "steady": STEADY,
    }
    return Observation(**{**given, **changes})


def recovered(**changes: Any) -> Observation:
    given: dict[str, Any] = {
        "kind": "recovery",
        "scenario": "",
        "rules": (),
        "activations": (),
        "injected_errors": 0,
        "absorptions": (),
    }
    return explored(**{**given, **changes})


def said(oracle: Any, seen: Observation) -> list[tuple[str, str, bool]]:
    """Return verdict, kind and whether it fails, of each finding."""
    return [(finding.verdict.value, finding.evidence.kind, finding.fails) for finding in oracle(seen)]


def text(oracle: Any, seen: Observation) -> str:
    return "\n".join(told(finding.evidence) for finding in oracle(seen))


@pytest.mark.parametrize("seen", [explored(), recovered()], ids=["explored", "recovery"])
def test_run_like_the_plain_one_leaves_every_oracle_content(seen: Observation) -> None:
    assert [] == [finding for oracle in ORACLES for finding in oracle(seen)]


@pytest.mark.parametrize("oracle", [judge_storm, judge_swallowed, judge_same_answer])
def test_without_a_plain_run_there_is_nothing_to_compare(oracle: Any) -> None:
    spots = (SpotSeen("m:f", Place("shop.py", 8, "pay"), 500, 1, 0.0),)

    assert [] == said(oracle, explored(steady=None, spots=spots, answers=(answer(500),), is_transient=True))


# --- ending


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"is_injected": True, "is_caused_by_fault": True}, ("escaped", "injected-error", False)),
        ({"is_declared": True, "is_caused_by_fault": True}, ("escaped", "declared-error", False)),
        ({"is_declared": True}, ("escaped", "translated-cause-lost", False)),
        ({"is_meant": True, "is_caused_by_fault": True}, ("escaped", "translated", False)),
        ({"is_meant": True}, ("escaped", "translated-cause-lost", False)),
        ({"is_assertion": True, "is_in_test": True}, ("changed", "assertion", False)),
        ({"is_in_test": True}, ("changed", "test-error", False)),
        ({"is_in_test": True, "is_caused_by_fault": True}, ("escaped", "taken-outside", False)),
        ({"is_caused_by_fault": True}, ("wrong error", "error-in-handler", True)),
        ({}, ("wrong error", "no-cause", True)),
    ],
)
def test_ending_of_an_explored_test_is_an_observation(facts: dict[str, bool], expected: Any) -> None:
    """Its asserts were written for a world without faults: what they say is for review, other errors fail."""
    seen = explored(failure=Failure("Error: x", Place("shop.py", 3, "f"), **facts))

    assert [expected] == said(judge_ending, seen)


ALLOWED = Contract(status=(200, 503))


@pytest.mark.parametrize(
    ("contract", "answers", "expected"),
    [
        (ALLOWED, (answer(503),), True),
        (ALLOWED, (answer(200), answer(503)), True),
        (ALLOWED, (answer(500),), False),
        (ALLOWED, (answer(200),), False),
        (ALLOWED, (answer(503, is_to_driver=False),), False),
        (Contract(), (answer(503),), False),
        (Contract(status=("4xx",)), (answer(404, "GET http://other/"),), True),
    ],
)
def test_error_answer_that_is_allowed_explains_a_failed_assertion(
    contract: Contract, answers: Any, expected: bool
) -> None:
    seen = explored(
        contract=contract, answers=answers, failure=Failure("AssertionError", is_assertion=True, is_in_test=True)
    )

    assert expected is has_allowed_error(seen)
    assert [("degraded", "allowed-answer", False) if expected else ("changed", "assertion", False)] == said(
        judge_ending, seen
    )


@pytest.mark.parametrize(
    ("ways", "failure", "expected"),
    [
        (("outside",), Failure("E", is_assertion=True), ("escaped", "taken-outside", False)),
        (("project", "outside"), Failure("E", is_in_test=True), ("escaped", "taken-outside", False)),
        (("project",), Failure("E", is_assertion=True), ("changed", "assertion", False)),
        (("library",), Failure("E", is_assertion=True), ("changed", "assertion", False)),
        (("outside",), Failure("E"), ("wrong error", "no-cause", True)),
    ],
)
def test_error_that_the_test_or_its_client_took_has_escaped(ways: Any, failure: Failure, expected: Any) -> None:
    absorptions = tuple(replace(CAUGHT, taker=taker) for taker in ways)

    assert [expected] == said(judge_ending, explored(failure=failure, absorptions=absorptions))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("wrong error", "logged-error", True)]),
        ({"failure": MISTAKE}, [("wrong error", "no-cause", True)]),
        ({"steady": replace(STEADY, logged=frozenset({("KeyError", MISTAKE.place)}))}, []),
        ({"steady": None}, []),
        ({"rules": ()}, []),
        ({"kind": "recovery"}, []),
    ],
)
def test_mistake_that_was_logged_counts_once_and_only_where_the_fault_makes_it(changes: Any, expected: Any) -> None:
    assert expected == said(judge_ending, explored(**{"logged": (MISTAKE,), **changes}))


@pytest.mark.parametrize(
    ("ways", "changes", "is_meant"),
    [
        ([RAISES], {}, True),
        ([ABSENT], {}, True),
        ([ABSENT, RAISES], {}, True),
        ([ANSWERS], {"loud_logs": 1}, True),
        ([ANSWERS], {}, False),
        ([NAMED], {}, False),
        ([ABSENT, NAMED], {}, False),
        ([replace(RAISES, taker="library")], {}, True),
        ([replace(ABSENT, taker="library")], {}, False),
        ([replace(ANSWERS, taker="library")], {"loud_logs": 1}, True),
        ([], {"loud_logs": 1}, False),
    ],
)
def test_another_answer_on_which_somebody_has_decided_is_told_apart(ways: Any, changes: Any, is_meant: bool) -> None:
    """Who raises an error of his own, asks whether a file is there, or writes a warning, has seen the fault."""
    seen = explored(absorptions=tuple(ways), **FAILS, **changes)

    assert [("changed", "answered" if is_meant else "assertion", False)] == said(judge_ending, seen)


def test_error_answer_that_the_plain_run_has_too_explains_nothing() -> None:
    seen = explored(
        contract=ALLOWED,
        answers=(answer(503),),
        steady=Steady(PLAIN_CALLS, (), (answer(503),)),
        failure=Failure("AssertionError", is_assertion=True),
    )

    assert [("changed", "assertion", False)] == said(judge_ending, seen)


def test_failure_before_any_fault_is_reported_and_does_not_fail() -> None:
    seen = explored(rules=(replace(FIRED, fired=0),), activations=(), failure=Failure("Error: x"))

    assert [("inconclusive", "unrelated", False)] == said(judge_ending, seen)


class Named(Raise):
    """A fault of somebody's own that raises, under a word of its own."""

    word = "named"


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ((Raise(OSError),), ("escaped", "translated-cause-lost", False)),
        ((LoseReply(OSError),), ("escaped", "translated-cause-lost", False)),
        ((Named(OSError),), ("escaped", "translated-cause-lost", False)),
        ((Hang(),), ("escaped", "declared-error", False)),
        ((Raise(OSError), Null()), ("escaped", "declared-error", False)),
    ],
)
def test_declared_error_has_lost_its_cause_where_each_fault_that_acted_raises(faults: Any, expected: Any) -> None:
    activations = tuple(replace(ACTIVATION, fault=fault) for fault in faults)
    seen = explored(failure=Failure("BankDown: x", is_declared=True), activations=activations)

    assert [expected] == said(judge_ending, seen)


@pytest.mark.parametrize(
    ("parked", "failure", "expected"),
    [
        (("left", "CancelledError"), Failure("TimeoutError", is_timeout=True), [("escaped", "own-limit", False)]),
        (("left", ""), Failure("TimeoutError", is_timeout=True), [("wrong error", "no-cause", True)]),
        (("left", "CancelledError"), Failure("KeyError"), [("wrong error", "no-cause", True)]),
    ],
)
def test_limit_around_a_call_that_hangs_ends_it_in_a_way_of_its_own(
    parked: tuple[str, str], failure: Failure, expected: Any
) -> None:
    outcome, ended_by = parked
    hang = replace(ACTIVATION, fault=Hang())
    seen = explored(
        activations=(hang,),
        absorptions=(),
        injected_errors=0,
        failure=failure,
        parked=(ParkedSeen(hang, "MainThread", outcome, ended_by=ended_by),),
    )

    assert said(judge_ending, seen) == expected


def test_ending_of_a_recovery_run_is_the_recovery_oracles() -> None:
    assert [] == said(judge_ending, recovered(failure=Failure("Error: x"), teardown_error="Error: y"))


# --- exercised, hang


def test_rule_that_fired_in_the_plain_run_only_is_reported() -> None:
    seen = explored(rules=(replace(FIRED, fired=0, calls=0),), activations=())

    assert [("inconclusive", "never-fired", False)] == said(judge_exercised, seen)
    assert "the plain run called it, but this run did not" in text(judge_exercised, seen)


@pytest.mark.parametrize(
    ("outcome", "expected"), [("hung", ("hung", "hang", True)), ("inconclusive", ("inconclusive", "timed-wait", False))]
)
def test_hang_of_an_explored_test(outcome: str, expected: Any) -> None:
    parked = ParkedSeen(ACTIVATION, "MainThread", outcome)

    assert [expected] == said(judge_hang, explored(parked=(parked,)))


def test_body_that_stood_still_is_hung_but_in_a_recovery_run_not_recovered() -> None:
    released = Failure("HangReleased: chaos", is_release=True)

    assert [("hung", "hang", True)] == said(judge_hang, explored(failure=released))
    assert [] == said(judge_hang, recovered(failure=released))
    assert [("not recovered", "fails", True)] == said(judge_recovery, recovered(failure=released, fresh="passes"))


# --- leaks and lost errors

THREAD = Leftover("thread", "thread 'x'", "thread shop.py:3", place=Place("shop.py", 3, "pay"))
DEAD = Leftover("task-error", "task 'y' died", "task-error shop.py:5")


@pytest.mark.parametrize(
    ("plain", "left", "expected"),
    [
        ((), (THREAD,), [("leaked", "thread", True)]),
        ((THREAD,), (THREAD,), [("resilient", "thread", False)]),
        ((THREAD,), (THREAD, THREAD), [("leaked", "thread", True), ("resilient", "thread", False)]),
        ((THREAD,), (), []),
        ((THREAD,), (replace(THREAD, fingerprint="thread shop.py:4"),), [("leaked", "thread", True)]),
    ],
)
def test_what_the_plain_run_leaves_too_is_a_note(plain: Any, left: Any, expected: Any) -> None:
    seen = explored(leftovers=left, steady=replace(STEADY, leftovers=plain))

    assert expected == said(judge_leaks, seen)


def test_a_thread_that_no_line_of_the_system_made_is_a_note() -> None:
    """A library made it for itself, or for a server of the test; of what C opened the maker is never known."""
    thread, file = replace(THREAD, is_foreign=True), Leftover("file-descriptor", "file 'x'", "file x")

    assert [("resilient", "thread", False)] == said(judge_leaks, explored(leftovers=(thread,), steady=STEADY))
    assert [("leaked", "file-descriptor", True)] == said(judge_leaks, explored(leftovers=(file,), steady=STEADY))


def test_what_a_thread_that_is_left_holds_open_goes_with_it() -> None:
    file = Leftover("file-descriptor", "file 'x'", "file x", place=Place("test_it.py", 9, "test_it"))
    seen = explored(leftovers=(THREAD, file), steady=STEADY)

    assert [("leaked", "thread", True), ("resilient", "file-descriptor", False)] == said(judge_leaks, seen)


@pytest.mark.parametrize(("plain", "expected"), [((), [("lost", "task-error", True)]), ((DEAD,), [])])
def test_error_that_dies_in_the_plain_run_too_is_not_lost_by_the_fault(plain: Any, expected: Any) -> None:
    assert expected == said(judge_lost, explored(leftovers=(DEAD,), steady=replace(STEADY, leftovers=plain)))


def test_a_thread_of_the_tests_own_that_dies_has_only_been_passed_an_error() -> None:
    dead = Leftover("thread-error", "thread 'x' died", "thread-error test_it.py:5", is_foreign=True)

    assert [("lost", "thread-error", True)] == said(judge_lost, explored(leftovers=(dead,), steady=STEADY))
    dead = replace(dead, is_made_by_test=True)
    assert [("resilient", "thread-error", False)] == said(judge_lost, explored(leftovers=(dead,), steady=STEADY))


# --- swallowed

IDLE_TOO = replace(IDLE, place=Place("shop.py", 29, "main"), span=(27, 30))
FIRST, LATER = Place("shop.py", 8, "pay"), Place("shop.py", 12, "pay")
OUTER, ELSEWHERE = Place("shop.py", 30, "main"), Place("shop.py", 50, "book")


def missing(*above: Place, **changes: Any) -> tuple[SpotSeen, ...]:
    """A run that makes one of two calls which the plain run made by these lines."""
    spot = SpotSeen("m:g", above[0] if above else LATER, 1, 2, above=above, actor="main")
    return (PLAIN_SPOTS[0], replace(spot, **changes))


def swallowed(*ways: Absorption, **changes: Any) -> list[tuple[str, str, bool]]:
    return said(judge_swallowed, explored(**{"absorptions": ways, **changes}))


@pytest.mark.parametrize(
    ("changes", "is_lost"),
    [
        (FAILS, True),
        ({"failure": Failure("TypeError", is_in_test=True)}, True),
        ({"answers": (answer(200, "PUT http://test/"),)}, True),
        ({"answers": (answer(200, "GET http://test/another"),)}, False),
        ({"answers": (answer(204),)}, True),
        ({"spots": missing(LATER, OUTER)}, True),
        ({"spots": missing(ELSEWHERE, LATER, OUTER)}, True),
        ({"spots": missing(OUTER)}, True),
        ({"spots": missing(FIRST, OUTER)}, False),
        ({"spots": missing(ELSEWHERE, FIRST, OUTER)}, False),
        ({"spots": missing()}, False),
        ({"spots": missing(LATER, OUTER, actor="main/1")}, False),
        ({"spots": missing(LATER, OUTER, in_pieces=True)}, False),
        ({}, False),
    ],
)
def test_error_that_was_swallowed_is_lost_where_something_differs(changes: Any, is_lost: bool) -> None:
    """The outcome, an answer, or a call of the same thread that stands after the guarded statement."""
    assert swallowed(IDLE, **changes) == ([("lost", "swallowed", True)] if is_lost else [])


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        ([IDLE], [("lost", "swallowed", True)]),
        ([IDLE, replace(IDLE, times=3)], [("lost", "swallowed", True)]),
        ([NAMED], [("lost", "swallowed", False)]),
        ([ABSENT], [("lost", "swallowed", False)]),
        ([IDLE, NAMED], [("lost", "swallowed", False)]),
        ([ANSWERS], [("lost", "quiet-fallback", False)]),
        ([IDLE, ANSWERS], [("lost", "quiet-fallback", False)]),
        ([replace(ANSWERS, is_broad=False)], []),
        ([NAMED, ANSWERS], []),
        ([IDLE, IDLE_TOO], [("lost", "swallowed", True)] * 2),
        ([NAMED, IDLE_TOO], [("lost", "swallowed", False)] * 2),
        ([NAMED, replace(IDLE_TOO, does="answers")], [("lost", "quiet-fallback", False)]),
        ([ANSWERS, replace(IDLE_TOO, does="answers")], [("lost", "quiet-fallback", False)] * 2),
        ([RAISES], []),
        ([replace(IDLE, taker="library")], []),
        ([replace(IDLE, taker="outside")], []),
        ([IDLE, ESCAPED], []),
        ([replace(CAUGHT, end="task")], [("lost", "swallowed", False)]),
        ([IDLE, replace(CAUGHT, end="future")], [("lost", "swallowed", False)]),
        ([replace(IDLE, does="")], []),
    ],
)
def test_who_took_an_error_and_how_decides_whether_it_is_lost(ways: list[Absorption], expected: Any) -> None:
    """Who takes every error and does nothing fails; who names it has decided so, and an answer is a fallback."""
    assert swallowed(*ways, **FAILS) == expected


@pytest.mark.parametrize("end", ["task", "future", "thread", "event loop"])
def test_what_ended_a_job_that_is_told_of_is_not_told_again(end: Any) -> None:
    """Nor does it hide that somebody swallowed the same error elsewhere; that is not sure to make the difference."""
    way = replace(CAUGHT, end=end)

    assert swallowed(way, leftovers=(DEAD,), **FAILS) == []
    assert swallowed(way, IDLE_TOO, leftovers=(DEAD,), **FAILS) == [("lost", "swallowed", False)]
    assert swallowed(IDLE_TOO, leftovers=(DEAD,), **FAILS) == [("lost", "swallowed", True)]


def test_who_asks_somebody_else_has_a_fallback() -> None:
    more = {**FAILS, "spots": (*PLAIN_SPOTS, SpotSeen("m:h", Place("shop.py", 20, "pay"), 1, 0))}

    assert swallowed(IDLE, **more) == [("lost", "quiet-fallback", False)]
    assert swallowed(NAMED, **more) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"loud_logs": 1},
        {"injected_errors": 0},
        {"absorptions": ()},
        {"spots": (SpotSeen("m:f", Place("shop.py", 8, "pay"), 2, 1), *missing(LATER)[1:])},
        {"kind": "recovery"},
        {"failure": Failure("KeyError: x")},
        {"failure": Failure("E: x", is_injected=True, is_caused_by_fault=True)},
        {"contract": ALLOWED, "answers": (answer(503),), "failure": Failure("AssertionError", is_assertion=True)},
    ],
)
def test_error_that_somebody_was_told_of_is_not_lost(changes: Any) -> None:
    """By a log, a retry, an error that came out, or an answer that is allowed."""
    assert swallowed(IDLE, **{"spots": missing(LATER, OUTER), **changes}) == []


# --- the same answer


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((answer(200),), []),
        ((answer(200, "PUT http://test/"),), [("changed", "other-answer", False)]),
        ((answer(200, "GET http://test/another"),), []),
        ((answer(206),), [("changed", "other-answer", False)]),
        ((answer(200), answer(200)), [("changed", "other-answer", False)]),
        ((answer(200), answer(500, is_to_driver=False)), []),
    ],
)
def test_retry_that_succeeds_gives_the_plain_answer(answers: Any, expected: Any) -> None:
    retried = (SpotSeen("m:f", Place("shop.py", 8, "pay"), 2, 1), PLAIN_SPOTS[1])
    seen = explored(is_transient=True, spots=retried, answers=answers)

    assert expected == said(judge_same_answer, seen)


@pytest.mark.parametrize(
    "changes",
    [
        {"is_transient": False},
        {"spots": PLAIN_SPOTS},
        {"failure": Failure("AssertionError", is_assertion=True)},
        {"rules": (replace(FIRED, fired=0),)},
    ],
)
def test_other_answer_is_no_finding_where_nothing_was_tried_again(changes: Any) -> None:
    """Nor where the test noticed."""
    retried = (SpotSeen("m:f", Place("shop.py", 8, "pay"), 2, 1), PLAIN_SPOTS[1])
    seen = explored(**{"is_transient": True, "spots": retried, "answers": (answer(206),), **changes})

    assert [] == said(judge_same_answer, seen)


def test_method_of_an_answer_is_the_first_word_of_the_request_where_nobody_tells_it() -> None:
    assert ("GET", "PUT") == (answer(200).method, Answer("a request", 200, True, 0.1, method="PUT").method)


# --- storm


def spots(calls: int, gap_s: float | None = 0.5, plain: int = 1) -> tuple[SpotSeen, ...]:
    return (SpotSeen("m:f", Place("shop.py", 8, "pay"), calls, plain, gap_s),)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (spots(UNCAPPED + 1), [("storm", "no-cap", False)]),
        (spots(UNCAPPED), []),
        (spots(UNCAPPED + 20, plain=21), []),
        (spots(6, 0.0), [("storm", "no-back-off", False)]),
        (spots(5, 0.0), []),
        (spots(6, 0.1), []),
        (spots(6, None), []),
        (spots(60, 0.0), [("storm", "no-cap", False)]),
        ((*spots(26), SpotSeen("m:f", Place("shop.py", 9, "pay"), 26, 1, 0.5)), []),
    ],
)
def test_line_that_tries_again_and_again_is_a_storm(seen: Any, expected: Any) -> None:
    assert expected == said(judge_storm, explored(spots=seen))


@pytest.mark.parametrize(
    ("loop", "gap_s", "expected"),
    [
        (Loop(PLACE, is_endless=True), 0.5, [("storm", "no-cap", True)]),
        (Loop(PLACE, is_endless=False), 0.5, [("storm", "no-cap", False)]),
        (Loop(PLACE, is_endless=False, is_timed=True), 0.5, [("resilient", "no-cap", False)]),
        (Loop(PLACE, is_endless=False, is_timed=True), 0.0, [("storm", "no-cap", False)]),
    ],
)
def test_loop_that_waits_and_looks_at_a_clock_is_a_policy(loop: Loop, gap_s: float, expected: Any) -> None:
    seen = explored(spots=(replace(spots(60, gap_s)[0], loop=loop),))

    assert expected == said(judge_storm, seen)


@pytest.mark.parametrize(
    ("point", "plain", "is_storm"), [("m:f", 60, True), ("m:h", 60, False), ("m:h", UNCAPPED - 1, True)]
)
def test_what_polls_in_the_plain_run_too_does_not_try_again(point: str, plain: int, is_storm: bool) -> None:
    """It polls for as long as the run lasts; but for the call that fails itself."""
    seen = explored(spots=(SpotSeen(point, PLACE, 500, plain, 0.5),))

    assert is_storm is bool(said(judge_storm, seen))


def test_objects_that_are_dropped_do_not_try_again() -> None:
    """Each calls once, and when that is the collector decides."""
    spot = replace(spots(10, 0.0)[0], place=Place("shop.py", 8, "Till.__del__"))

    assert [] == said(judge_storm, explored(spots=(spot,)))


def test_what_this_machine_answers_at_once_needs_no_pause() -> None:
    """A file is not spared by waiting; that it is tried without end is told all the same."""
    assert [] == said(judge_storm, explored(spots=(replace(spots(10, 0.0)[0], is_local=True),)))
    endless = replace(spots(60, 0.0)[0], is_local=True)
    assert [("storm", "no-cap", False)] == said(judge_storm, explored(spots=(endless,)))


@pytest.mark.parametrize(
    ("calls", "budget", "expected"),
    [
        (4, 3.0, [("storm", "amplification", True)]),
        (3, 3.0, []),
        (60, 100.0, [("resilient", "no-cap", False)]),
        (6, 100.0, [("resilient", "no-back-off", False)]),
    ],
)
def test_declared_budget_of_calls_decides(calls: int, budget: float, expected: Any) -> None:
    """Over it the run fails; what it allows is only told."""
    seen = explored(spots=spots(calls, 0.0), contract=Contract(amplification=budget))

    assert expected == said(judge_storm, seen)


def test_budget_counts_all_lines_of_a_point() -> None:
    lines = (*spots(2), SpotSeen("m:f", Place("shop.py", 9, "retry"), 2, 0))
    seen = explored(spots=lines, contract=Contract(amplification=3))

    assert [("storm", "amplification", True)] == said(judge_storm, seen)
    assert "m:f was called 4 times, 4 times as often as in the plain run; the contract allows 3" == text(
        judge_storm, seen
    )


def test_point_that_the_plain_run_did_not_call_has_no_budget() -> None:
    seen = explored(spots=(SpotSeen("m:h", PLACE, 9, 0, 0.5),), contract=Contract(amplification=1))

    assert [] == said(judge_storm, seen)


def test_fault_that_was_lifted_so_that_the_run_ends_is_noted() -> None:
    assert [("resilient", "let-through", False)] == said(judge_storm, explored(let_through="after 100 activations"))


@pytest.mark.parametrize("changes", [{"kind": "recovery"}, {"rules": (replace(FIRED, fired=0),)}])
def test_storm_without_a_fault_is_not_the_faults(changes: Any) -> None:
    assert [] == said(judge_storm, explored(spots=spots(500, 0.0), **changes))


# --- recovery

TROUBLES: list[tuple[dict[str, Any], str]] = [
    ({"failure": Failure("KeyError: x", Place("shop.py", 3, "f"))}, "fails"),
    ({"teardown_error": "OSError: x"}, "teardown"),
    ({"spots": (SpotSeen("m:f", Place("shop.py", 8, "pay"), 2, 1),)}, "costs-more"),
    ({"spots": (SpotSeen("m:f", Place("shop.py", 8, "pay"), 0, 1),)}, "costs-less"),
    ({"spots": (SpotSeen("m:f", PLACE, 0, 1), SpotSeen("m:g", PLACE, 3, 2))}, "costs-more"),
]


@pytest.mark.parametrize(("changes", "kind"), TROUBLES)
def test_recovery_run_does_what_the_plain_run_did(changes: dict[str, Any], kind: str) -> None:
    """It passes, and at the same cost; it is blamed on the faults where a fresh process does not do so."""
    seen = recovered(fresh="passes", polluter="shop:charge hang all", **changes)

    trouble = recovery_trouble(seen)
    assert trouble is not None
    assert trouble[0] == kind
    assert [("not recovered", kind, True), ("resilient", "polluted", False)] == said(judge_recovery, seen)
    assert "after shop:charge hang all, with all faults lifted, " in text(judge_recovery, seen)


@pytest.mark.parametrize(
    ("calls", "plain_calls", "kind"), [(1, 2, None), (2, 1, None), (0, 1, "costs-less"), (1, 0, "costs-more")]
)
def test_in_how_many_pieces_a_stream_is_read_is_no_cost(calls: int, plain_calls: int, kind: str | None) -> None:
    """How its bytes arrive is chance; whether it is read at all is not."""
    spot = SpotSeen("m:f", PLACE, calls, plain_calls, in_pieces=True)

    trouble = recovery_trouble(recovered(spots=(spot,)))

    assert (None if trouble is None else trouble.kind) == kind


def test_which_line_reads_the_pieces_of_a_stream_is_no_cost() -> None:
    first = SpotSeen("m:f", PLACE, 1, 1, in_pieces=True)
    more = SpotSeen("m:f", Place("shop.py", 8, "pay"), 0, 1, in_pieces=True)

    assert recovery_trouble(recovered(spots=(first, more))) is None


@pytest.mark.parametrize(
    ("fresh", "kind", "expected"),
    [
        ("fails", "fails", ("inconclusive", "unstable", False)),
        ("varies", "fails", ("inconclusive", "unstable", False)),
        ("varies", "costs-more", ("inconclusive", "unstable", False)),
        ("varies", "costs-less", ("resilient", "remembers", False)),
        ("fails", "costs-less", ("inconclusive", "unstable", False)),
        ("unknown", "fails", ("inconclusive", "fails", False)),
        ("unsteady", "costs-more", ("inconclusive", "unstable", False)),
        ("unsteady", "costs-less", ("inconclusive", "unstable", False)),
        ("", "costs-more", ("inconclusive", "costs-more", False)),
    ],
)
def test_faults_are_not_blamed_for_what_a_fresh_process_does_too(fresh: Any, kind: str, expected: Any) -> None:
    changes = next(changes for changes, found in TROUBLES if found == kind)

    assert [expected] == said(judge_recovery, recovered(fresh=fresh, **changes))


def test_what_a_scenario_leaves_that_came_before_any_plain_run_is_its_own() -> None:
    """No other one acted in that process, so nothing else was judged in a polluted one."""
    seen = recovered(fresh="before", polluter="shop:charge hang all", failure=Failure("KeyError: x"))

    assert [("not recovered", "fails", True)] == said(judge_recovery, seen)


def test_polluter_that_was_not_found_is_one_of_the_scenarios() -> None:
    seen = recovered(fresh="passes", failure=Failure("KeyError: x"))

    assert [("not recovered", "fails", True)] == said(judge_recovery, seen)
    told = text(judge_recovery, seen)
    assert "after the scenarios of this test, with all faults lifted, the test fails with KeyError: x" in told


@pytest.mark.parametrize("kind", ["costs-more", "costs-less"])
def test_number_of_calls_that_does_not_come_again_in_a_fresh_process_is_chance(kind: str) -> None:
    """Where the same scenarios ran there one after the other, and none of them made it so."""
    changes = next(changes for changes, found in TROUBLES if found == kind)
    seen = recovered(fresh="passes", **changes)

    assert [("inconclusive", "unstable", False)] == said(judge_recovery, seen)
    assert "not so in a fresh process, whichever of the scenarios ran there before" in text(judge_recovery, seen)


def test_scenario_is_not_judged_for_recovery() -> None:
    assert [] == said(judge_recovery, explored(failure=Failure("KeyError: x"), fresh="passes"))


# --- all together


def test_worst_verdict_of_an_explored_run_wins() -> None:
    seen = explored(
        failure=Failure("AssertionError: x", is_assertion=True, is_in_test=True),
        spots=spots(100, 0.0),
        leftovers=(THREAD,),
    )
    judgement = judge(seen)

    assert ("leaked", True) == (judgement.verdict.value, judgement.fails)
    assert ["thread", "no-cap", "assertion"] == [evidence.kind for evidence in judgement.evidence]


# --- what was dropped open


def _dropped(**facts: Any) -> Leftover:
    made, place = Place("shop.py", 3, "dials"), Place("shop.py", 8, "Shop.pay.<locals>.ask")
    known: dict[str, Any] = {"place": made, "opened_at": (made, place), "is_closed_plainly": True, **facts}
    return Leftover("dropped-open", "socket opened at shop.py:3 in dials", "dropped-open shop.py:3 in dials", **known)


_LEFT_ASK = Absorption("m:f", ("ask", "other"), "escaped")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"absorptions": (_LEFT_ASK,), "leftovers": (_dropped(),)}, ["shop.py:8"]),
        ({"absorptions": (replace(_LEFT_ASK, passed=("dials",)),), "leftovers": (_dropped(),)}, ["shop.py:3"]),
        ({"absorptions": (replace(_LEFT_ASK, passed=("other",)),), "leftovers": (_dropped(),)}, []),
        ({"absorptions": (_LEFT_ASK,), "leftovers": (_dropped(is_closed_plainly=False),)}, []),
        ({"absorptions": (_LEFT_ASK,), "leftovers": (_dropped(is_tests=True),)}, []),
        ({"absorptions": (_LEFT_ASK,), "leftovers": (_dropped(),), "steady": None}, []),
        ({"absorptions": (_LEFT_ASK,), "leftovers": (_dropped(),), "steady": Steady(leftovers=(_dropped(),))}, []),
        (
            {
                "absorptions": (_LEFT_ASK,),
                "leftovers": (_dropped(), Leftover("child-process", "x", "x", place=Place("shop.py", 3, "dials"))),
            },
            [],
        ),
    ],
)
def test_what_was_dropped_open_is_told_where_the_error_left_its_owner(
    facts: dict[str, Any], expected: list[str]
) -> None:
    seen = Observation(
        **{
            "test": "t",
            "kind": "explored",
            "seed": 0,
            "scenario": "m:f = hang",
            "contract": Contract(),
            "steady": Steady(),
            **facts,
        }
    )
    found = [one for one in judge_leaks(seen) if one.evidence.kind == "dropped-open"]

    assert expected == [one.evidence.place.at for one in found if one.evidence.place is not None]
    assert not any(one.fails for one in found)
