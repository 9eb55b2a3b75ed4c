"""WHAT: fault values, checked when they are made; instances of errors; refusals by kind; acts on a call made up."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import math
import pickle
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any, Literal, get_args

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
    Null,
    Raise,
    Return,
    SpecificationError,
    Stale,
)
from pytest_chaos.faults import raising, replying
from pytest_chaos.faults.base import FaultyCall, Kind, as_fault, give_up
from pytest_chaos.faults.words import FAULT_WORDS


class NeedsTwo(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code


class TellsOfItsReply(Exception):
    def __init__(self, reply: Any = None, *args: Any) -> None:
        self.reply = reply or {}
        super().__init__(*args)

    def __str__(self) -> str:
        return str(self.reply.get("error", "no reply"))


class NeedsNothing(Exception):
    def __init__(self) -> None:
        super().__init__("of my own")


class Uncopyable(Exception):
    def __init__(self, a: int, b: int) -> None:
        super().__init__("one text")


class Singleton(Exception):
    def __copy__(self) -> Singleton:
        return self


# --- values


NEW = [Corrupt(), Cancel(), LoseReply(OSError, "a"), Duplicate(), Stale(), Either(Null, Hang(2), weights=(1, 2))]


@pytest.mark.parametrize("fault", [Raise(OSError, "a"), Hang(), Hang(2), Return(3), Null(), Delay(1, 0.5), *NEW])
def test_fault_is_a_frozen_value(fault: Fault) -> None:
    assert fault == copy.copy(fault) == pickle.loads(pickle.dumps(fault))
    assert hash(fault) == hash(copy.copy(fault))
    with pytest.raises(AttributeError):
        fault.word = "other"  # type: ignore[misc]  # frozen: it must be refused


def test_different_faults_differ() -> None:
    assert 7 == len({Raise(OSError), Raise(OSError, 1), Raise(ValueError), Hang(), Hang(1), Null(), Return(None)})
    assert 6 == len({*NEW, *NEW})
    assert LoseReply(OSError) != Raise(OSError)
    assert 3 == len({Either(Null, Hang), Either(Hang, Null), Either(Null, Hang, weights=(1, 2))})


@pytest.mark.parametrize(
    ("value", "expected"),
    [(Null, Null()), (Hang, Hang()), (Null(), Null()), *((type(fault), fault) for fault in NEW[:2] + NEW[3:5])],
)
def test_bare_class_is_a_fault(value: Any, expected: Fault) -> None:
    assert expected == as_fault(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Raise, "Raise(TimeoutError)"),
        (Return, "Return(0)"),
        (Delay, "Delay(0.2)"),
        (LoseReply, "LoseReply(ConnectionError)"),
        (Either, "Either(Raise(TimeoutError), Null)"),
        (TimeoutError, "Write Raise(TimeoutError)"),
        ("hang", "Use Raise(...)"),
        ("hang", "Corrupt, Cancel, LoseReply(...), Duplicate, Stale, HttpAnswer(...) or Either(...)"),
        (None, "is not a fault"),
        (lambda: 1, "is not a fault"),
    ],
)
def test_what_is_no_fault_is_refused_with_what_to_write(value: Any, words: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        as_fault(value)

    assert words in str(caught.value)


def test_words_of_the_rule_text() -> None:
    old = {"raise": Raise, "hang": Hang, "null": Null, "return": Return, "delay": Delay}
    new = {"corrupt": Corrupt, "cancel": Cancel, "lose-reply": LoseReply, "duplicate": Duplicate, "stale": Stale}

    assert old | new | {"disk-full": DiskFull, "answer": HttpAnswer} == FAULT_WORDS


# --- seconds


@pytest.mark.parametrize("kind", [Hang, Delay])
@pytest.mark.parametrize("seconds", [0, -1, math.inf, -math.inf, math.nan, True, "1", [], 10**400])
def test_duration_must_be_a_positive_finite_number(kind: Any, seconds: Any) -> None:
    with pytest.raises(SpecificationError):
        kind(seconds)


@pytest.mark.parametrize("jitter", [-1, math.nan, "1", True, 1.5])
def test_jitter_lies_between_zero_and_the_delay(jitter: Any) -> None:
    with pytest.raises(SpecificationError):
        Delay(1, jitter)


def test_delay_without_seconds_is_refused() -> None:
    with pytest.raises(SpecificationError):
        Delay(None)  # type: ignore[arg-type]  # wrong on purpose


def test_whole_seconds_and_floats_are_one_value() -> None:
    assert Hang(2) == Hang(2.0)
    assert ((2,), {}) == Hang(2.0).text_arguments()
    assert ((0.5, 0.25), {}) == Delay(0.5, 0.25).text_arguments()


# --- Raise


def test_each_activation_gets_an_instance_of_its_own() -> None:
    for fault in (Raise(OSError), Raise(OSError, 5), Raise(OSError("a")), Raise(lambda: OSError())):
        first, second = fault.error("m:f, call 1 [abc]"), fault.error("m:f, call 2 [abd]")

        assert first is not second
        assert OSError is type(first) is type(second)


def test_class_without_arguments_gets_a_message_that_names_the_call() -> None:
    assert "chaos: injected at m:f, call 3 [abc]" == str(Raise(ValueError).error("m:f, call 3 [abc]"))


def test_given_arguments_are_the_only_ones() -> None:
    error = Raise(NeedsTwo, 5, reason="x").error("label")

    assert isinstance(error, NeedsTwo)
    assert (5, "x") == error.args


def test_class_that_takes_no_message_is_built_bare() -> None:
    assert ("of my own",) == Raise(NeedsNothing).error("label").args


def test_class_that_cannot_tell_of_a_message_is_built_bare() -> None:
    """Its first argument is no message; a text there would break whoever prints the error."""
    error = Raise(TellsOfItsReply).error("label")

    assert ((), "no reply") == (error.args, str(error))


def test_instance_is_copied_with_its_attributes_and_without_its_past() -> None:
    original = NeedsTwo(5, "x")
    original.detail = {"a": 1}  # type: ignore[attr-defined]  # any attribute
    original.add_note("note")
    try:
        raise original from KeyError()
    except NeedsTwo:
        pass

    twin = Raise(original).error("label")

    assert twin is not original
    kept = (twin.code, twin.detail, twin.args, twin.__notes__)  # type: ignore[attr-defined]  # as on the original
    assert (5, {"a": 1}, (5, "x"), ["note"]) == kept
    assert (None, None, None) == (twin.__cause__, twin.__context__, twin.__traceback__)


def test_factory_is_called_with_its_arguments() -> None:
    def factory(code: int, *, reason: str) -> NeedsTwo:
        return NeedsTwo(code, reason)

    assert (5, "x") == Raise(factory, 5, reason="x").error("label").args


def _one() -> OSError:
    return _ONE


_ONE = OSError("the one")


def _raises() -> OSError:
    raise OSError("raised")


async def _made_later() -> OSError:
    return OSError()


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        (lambda: "text", "'text', which is not an exception"),
        (lambda: OSError, "which is not an exception but a class"),
        (_raises, "_raises raised OSError('raised') instead of returning an error"),
        (lambda needed: OSError(needed), "instead of returning an error"),
    ],
)
@pytest.mark.parametrize("kind", [Raise, LoseReply])
def test_factory_that_makes_no_exception_is_refused_when_it_is_seen(kind: Any, factory: Any, words: str) -> None:
    fault = kind(factory)

    with pytest.raises(SpecificationError) as caught:
        fault.error("label")
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{kind.__name__}: ")


def test_factory_that_makes_the_same_instance_again_is_refused_when_it_is_seen() -> None:
    fault, first, second = Raise(_one), FakeCall(), FakeCall()
    with pytest.raises(OSError, match="the one"):
        fault.act(first)

    assert "answer" == fault.act(second)
    assert (True, False) == (second.withdrawn, first.withdrawn)
    assert "_one returned an error that was injected before" in second.problems[0]


def test_factory_may_make_an_error_that_was_raised_before() -> None:
    def factory() -> ValueError:
        try:
            int("x")
        except ValueError as error:
            return error
        raise AssertionError("unreachable")

    fault = Raise(factory)
    assert 2 == len({id(_ended(fault, FakeCall())), id(_ended(fault, FakeCall()))})


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_factory_that_fails_lets_the_call_pass_and_is_noted(kind: Kind) -> None:
    call = FakeCall(kind=kind)

    assert "answer" == outcome(Raise(_raises), call)
    assert (1, True) == (call.made, call.withdrawn)
    assert ["at m:f: Raise: _raises raised OSError('raised') instead of returning an error"] == call.problems


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((NeedsTwo,), "Raise(NeedsTwo, ...) with the arguments it needs"),
        ((NeedsTwo, 1), "cannot be built"),
        ((UnicodeDecodeError,), "cannot be built"),
        ((int,), "int is not an exception class"),
        (("TimeoutError",), "is not an exception"),
        ((None,), "is not an exception"),
        ((OSError("a"), "b"), "takes no further arguments"),
        ((Uncopyable(1, 2),), "Give a factory"),
        ((Singleton(),), "Give a factory"),
        ((_made_later,), "which is a sync function"),
    ],
)
def test_what_cannot_be_raised_is_refused_at_once(args: tuple[Any, ...], words: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        Raise(*args)

    assert words in str(caught.value)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, BaseException, StopIteration])
def test_every_exception_class_may_be_raised(kind: type[BaseException]) -> None:
    assert kind is type(Raise(kind).error("label"))


# --- kinds


@pytest.mark.parametrize(
    ("fault", "kind", "is_refused"),
    [
        (Null(), "function", False),
        (Null(), "coroutine", False),
        (Null(), "generator", False),
        (Null(), "property", False),
        (Null(), "constructor", True),
        (Null(), "context manager", True),
        (Null(), "async context manager", True),
        (Return(1), "function", False),
        (Return(1), "constructor", True),
        (Return(1), "generator", True),
        (Return(1), "async generator", True),
        (Return([1]), "async generator", False),
        (Return(None), "context manager", False),
        (Raise(OSError), "constructor", False),
        (Hang(), "constructor", False),
        (Delay(1), "constructor", False),
    ],
)
def test_fault_refuses_kinds_it_has_no_meaning_for(fault: Fault, kind: Any, is_refused: bool) -> None:
    assert is_refused == bool(fault.refusal(kind))


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (Corrupt(), set(get_args(Kind)) - {"constructor"}),
        (Cancel(), {"coroutine", "async generator", "async context manager"}),
        (LoseReply(OSError), {"function", "coroutine", "property", "constructor"}),
        (Duplicate(), {"function", "coroutine"}),
        (Stale(), {"function", "coroutine", "property"}),
        (Either(Stale, Cancel), {"coroutine"}),
        (Either(Null, Either(Hang, Return(1))), {"function", "coroutine", "property"}),
    ],
)
def test_fault_acts_on_exactly_these_kinds(fault: Fault, kinds: set[str]) -> None:
    assert kinds == {kind for kind in get_args(Kind) if not fault.refusal(kind)}


def test_refusal_of_either_names_the_alternative() -> None:
    assert Either(Hang, Null).refusal("constructor").startswith("null: a constructor has no null")


# --- a call made up


@dataclass
class FakeCall:
    """Stands in for the injector: a call with a known answer, that notes what the fault says and does."""

    function: Callable[..., Any] = lambda: "answer"
    kind: Kind = "function"
    receiver: Any = None
    earlier: tuple[Any, ...] = ()
    draws: list[float] = field(default_factory=lambda: [0.3] * 9)
    made: int = 0
    withdrawn: bool = False
    problems: list[str] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    choices: list[Fault] = field(default_factory=list)
    unseen_now: bool = False

    label = "m:f, call 1 [abc]"
    point = "m:f"

    def proceed(self) -> Any:
        self.made += 1
        return self.function()

    async def proceed_async(self) -> Any:
        answer = self.proceed()
        return await answer if asyncio.iscoroutine(answer) else answer

    def uniform(self) -> float:
        return self.draws.pop(0)

    def injected(self, error: BaseException) -> BaseException:
        self.errors.append(error)
        error.add_note(f"chaos: injected at {self.label}")
        return error

    def previous(self) -> tuple[Any, ...]:
        return self.earlier

    def withdraw(self) -> None:
        self.withdrawn = True

    def problem(self, text: str) -> None:
        self.problems.append(text)

    def chosen(self, fault: Fault) -> None:
        self.choices.append(fault)

    @contextlib.contextmanager
    def unseen(self) -> Iterator[None]:
        self.unseen_now = True
        yield
        self.unseen_now = False

    def park(self, seconds: float | None) -> None:
        raise AssertionError("no fault parks here")

    async def park_async(self, seconds: float | None) -> None:
        raise AssertionError("no fault parks here")

    def pause(self, seconds: float) -> None:
        """Wait not at all."""

    async def pause_async(self, seconds: float) -> None:
        """Wait not at all."""


def outcome(fault: Fault, call: FakeCall) -> Any:
    """Return what a fault makes of a call, in the async way for a coroutine."""
    given: FaultyCall = call
    return asyncio.run(fault.act_async(given)) if call.kind == "coroutine" else fault.act(given)


def test_why_a_fault_was_given_up_names_the_point_and_no_call() -> None:
    """However the point is called."""
    call = FakeCall()
    call.point, call.label = "‹pay, call me›", "‹pay, call me›, call 1 [abc]"

    give_up(call, "no reason")

    assert (["at ‹pay, call me›: no reason"], True) == (call.problems, call.withdrawn)


def _ended(fault: Fault, call: FakeCall) -> BaseException:
    """Return the error with which a fault ends a call."""
    try:
        outcome(fault, call)
    except BaseException as error:
        return error
    raise AssertionError("it did not raise")


class Numbered:
    """Answers with 1, 2, 3, or raises instead of some of them."""

    def __init__(self, *errors: int) -> None:
        self.count = 0
        self.errors = errors

    def __call__(self) -> int:
        self.count += 1
        if self.count in self.errors:
            raise ValueError(self.count)
        return self.count


def generator() -> Iterator[int]:
    yield 1


async def coroutine() -> int:
    return 1


both = pytest.mark.parametrize("kind", ["function", "coroutine"])


@contextlib.contextmanager
def closed(answer: Any) -> Iterator[Any]:
    """Close what a plain function handed out and nobody ran."""
    yield answer
    answer.close()


# --- LoseReply, Duplicate, Stale


@both
def test_lost_reply_makes_the_call_and_raises(kind: Kind) -> None:
    call = FakeCall(kind=kind)
    error = _ended(LoseReply(ConnectionError), call)

    assert ConnectionError is type(error)
    assert (1, [error], False) == (call.made, call.errors, call.withdrawn)
    assert "chaos: injected at m:f, call 1 [abc]" == str(error)


@both
@pytest.mark.parametrize("fault", [LoseReply(ConnectionError), Duplicate(), Corrupt()])
def test_error_of_the_call_itself_stands_and_is_no_activation(fault: Fault, kind: Kind) -> None:
    call = FakeCall(Numbered(1), kind)

    assert (ValueError, (1,)) == (type(error := _ended(fault, call)), error.args)
    assert (1, [], True, []) == (call.made, call.errors, call.withdrawn, call.problems)


@both
def test_lost_reply_of_a_failing_factory_answers(kind: Kind) -> None:
    call = FakeCall(kind=kind)

    assert "answer" == outcome(LoseReply(_raises), call)
    assert (1, True, 1) == (call.made, call.withdrawn, len(call.problems))


@both
def test_duplicate_hands_on_the_second_answer(kind: Kind) -> None:
    call = FakeCall(Numbered(), kind)

    assert 2 == outcome(Duplicate(), call)
    assert (2, False) == (call.made, call.withdrawn)


@both
def test_error_of_the_second_call_is_the_answer(kind: Kind) -> None:
    call = FakeCall(Numbered(2), kind)

    assert (2,) == _ended(Duplicate(), call).args
    assert (False, []) == (call.withdrawn, call.errors)


@both
@pytest.mark.parametrize("earlier", ["old", None, [], 0])
def test_stale_answers_as_before(kind: Kind, earlier: Any) -> None:
    call = FakeCall(kind=kind, earlier=(earlier,))

    assert outcome(Stale(), call) is earlier
    assert (0, False) == (call.made, call.withdrawn)


@both
def test_stale_before_any_answer_passes_and_is_no_activation(kind: Kind) -> None:
    call = FakeCall(kind=kind)

    assert "answer" == outcome(Stale(), call)
    assert (1, True, []) == (call.made, call.withdrawn, call.problems)


@pytest.mark.parametrize("fault", [LoseReply(OSError), Duplicate(), Stale()])
@pytest.mark.parametrize("function", [generator, coroutine])
def test_answer_that_has_not_run_yet_is_handed_on_and_noted(fault: Fault, function: Callable[[], Any]) -> None:
    with closed(function()) as earlier:
        call = FakeCall(function, earlier=(earlier,))
        with closed(outcome(fault, call)) as answer:
            assert type(earlier) is type(answer)
        assert (1, True, 1) == (call.made, call.withdrawn, len(call.problems))
        assert function.__name__ in call.problems[0]


@pytest.mark.parametrize(
    ("fault", "needs"),
    [(Stale(), True), (Either(Null, Either(Hang, Stale)), True), (Either(Null, Hang), False), (Raise(OSError), False)],
)
def test_faults_that_need_answers_say_so(fault: Fault, needs: bool) -> None:
    assert needs == fault.needs_answers


@both
@pytest.mark.parametrize("fault", [Raise(OSError), LoseReply(OSError)])
def test_frame_that_raised_does_not_hold_the_error(fault: Fault, kind: Kind) -> None:
    error = _ended(fault, FakeCall(kind=kind))

    for frame, _ in traceback.walk_tb(error.__traceback__):
        assert frame.f_code is _ended.__code__ or error not in frame.f_locals.values()
    assert all("__tracebackhide__" in frame.f_locals for frame in _frames_in(error, raising, replying))


def _frames_in(error: BaseException, *modules: ModuleType) -> list[FrameType]:
    """Return the frames of an error that run in one of the modules."""
    files = {module.__file__ for module in modules}
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename in files]


# --- Either


@pytest.mark.parametrize(("draw", "answer"), [(0.0, "first"), (0.7499, "first"), (0.75, "second"), (1.0, "second")])
@both
def test_draw_chooses_by_weight(draw: float, answer: str, kind: Kind) -> None:
    call = FakeCall(kind=kind, draws=[draw])

    assert answer == outcome(Either(Return("first"), Return("second"), weights=(3, 1)), call)
    assert [Return(answer)] == call.choices


def test_weights_are_equal_by_default() -> None:
    fault = Either(Return(0), Return(1), Return(2))
    assert [0, 0, 1, 1, 2] == [outcome(fault, FakeCall(draws=[draw])) for draw in (0, 0.33, 0.34, 0.66, 0.67)]


def test_nested_choice_names_the_fault_that_acts() -> None:
    inner = Either(Return(1), Return(2))
    call = FakeCall(draws=[0.1, 0.9])

    assert 2 == outcome(Either(inner, Null), call)
    assert [inner, Return(2)] == call.choices


@pytest.mark.parametrize(
    ("faults", "weights", "words"),
    [
        ((), None, "at least two faults"),
        ((Null,), None, "at least two faults"),
        ((Null, Raise), None, "Raise needs arguments"),
        ((Null, OSError), None, "Write Raise(OSError)"),
        ((Null, Hang), (1,), "2 numbers, one for each fault"),
        ((Null, Hang), (1, 2, 3), "2 numbers, one for each fault"),
        ((Null, Hang), 3, "2 numbers, one for each fault"),
        ((Null, Hang), "12", "2 numbers, one for each fault"),
        ((Null, Hang), (1, 0), "got 0"),
        ((Null, Hang), (1, -1), "got -1"),
        ((Null, Hang), (1, True), "got True"),
        ((Null, Hang), (1, math.nan), "got nan"),
        ((Null, Hang), (1, math.inf), "got inf"),
        ((Null, Hang), (1, "2"), "got '2'"),
    ],
)
def test_either_is_checked_when_it_is_made(faults: Any, weights: Any, words: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        Either(*faults, weights=weights)

    assert words in str(caught.value)


# --- Cancel


def test_cancel_is_a_cancellation_of_the_task() -> None:
    call = FakeCall(kind="coroutine")
    seen: list[int] = []

    async def victim() -> None:
        try:
            await Cancel().act_async(call)
        finally:
            seen.append(asyncio.current_task().cancelling())  # type: ignore[union-attr]  # a task runs this

    async def main() -> bool:
        task = asyncio.create_task(victim())
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())
    assert ([1], 0, False) == (seen, call.made, call.withdrawn)
    assert [asyncio.CancelledError] == [type(error) for error in call.errors]
    assert ("chaos: injected at m:f, call 1 [abc]",) == call.errors[0].args


@pytest.mark.parametrize("loop", ["none", "trio", "no task"])
def test_cancel_without_a_task_passes_and_is_noted(loop: str) -> None:
    import trio

    call = FakeCall(kind="coroutine")
    if loop == "trio":
        assert "answer" == trio.run(Cancel().act_async, call)
    elif loop == "none":
        with pytest.raises(StopIteration, match="answer"):
            Cancel().act_async(call).send(None)
    else:
        answers: list[Any] = []

        def drive() -> None:
            try:
                Cancel().act_async(call).send(None)
            except StopIteration as end:
                answers.append(end.value)

        async def main() -> None:
            asyncio.get_running_loop().call_soon(drive)
            await asyncio.sleep(0)  # a turn of the loop, not a wait

        asyncio.run(main())
        assert ["answer"] == answers
    assert (1, True) == (call.made, call.withdrawn)
    assert "no asyncio task runs here" in call.problems[0]


def test_cancellation_that_is_taken_back_before_it_arrives_lets_the_call_pass() -> None:
    """Since Python 3.13 ``uncancel`` takes back what has not been delivered; before, it only counts."""
    call = FakeCall(kind="coroutine")

    async def main() -> Any:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(task.uncancel)
        try:
            return await Cancel().act_async(call)
        except asyncio.CancelledError:
            return "cancelled"

    answer = asyncio.run(main())

    assert (answer, call.withdrawn, call.made) in [("answer", True, 1), ("cancelled", False, 0)]


# --- Corrupt


def state(call: FakeCall) -> tuple[bool, int]:
    """Return whether a call was withdrawn, and how many problems were noted."""
    return call.withdrawn, len(call.problems)


@both
def test_corrupt_makes_the_call_and_spoils_its_answer(kind: Kind) -> None:
    real = {"id": "r-1", "paid": True}
    call = FakeCall(lambda: real, kind)

    answer = outcome(Corrupt(), call)

    assert (["id", "paid"], False) == (list(answer), answer["paid"])
    assert {"id": "r-1", "paid": True} == real
    assert (1, (False, 0)) == (call.made, state(call))


def test_same_draw_makes_the_same_garbage() -> None:
    answers = [outcome(Corrupt(), FakeCall(lambda: "ada@example.org", draws=[draw])) for draw in (0.1, 0.1, 0.2)]

    assert answers[0] == answers[1] != answers[2]


def test_annotation_tells_what_could_stand_where_nothing_is() -> None:
    def find() -> Literal["open"] | None:
        return None

    assert "open" == outcome(Corrupt(), FakeCall(find))


@pytest.mark.parametrize("value", [None, [], {}])
def test_answer_without_another_value_is_handed_on_and_is_no_activation(value: Any) -> None:
    call = FakeCall(lambda: value)

    assert outcome(Corrupt(), call) is value
    assert (True, 0) == state(call)


def test_answer_of_an_unknown_class_is_handed_on_and_noted() -> None:
    value = object()
    call = FakeCall(lambda: value)

    assert outcome(Corrupt(), call) is value
    assert (True, 1) == state(call)
    assert "at m:f: corrupt: nothing tells how to make another object" in call.problems[0]


def test_class_that_fails_is_noted() -> None:
    class Failing(list[int]):
        def __iter__(self) -> Any:
            raise OSError("of the class")

    value = Failing([1])
    call = FakeCall(lambda: value)

    assert outcome(Corrupt(), call) is value
    assert (True, 1) == state(call)
    assert "of the class" in call.problems[0]


def test_code_of_the_answer_runs_unseen() -> None:
    seen: list[bool] = []

    @dataclass
    class Row:
        number: int

        def __post_init__(self) -> None:
            seen.append(call.unseen_now)

    call: FakeCall = FakeCall(lambda: row)
    row = Row(1)

    assert 1 != outcome(Corrupt(), call).number
    assert (False, True) == (seen[0], all(seen[1:]))


def test_corrupt_generator_hands_on_what_is_sent_thrown_closed_and_returned() -> None:
    seen: list[Any] = []

    def bills() -> Any:
        try:
            seen.append((yield 10))
            try:
                yield 20
            except KeyError:
                seen.append("thrown")
            yield 30
        finally:
            seen.append("closed")
        return "end"

    def spoilt() -> tuple[Any, FakeCall]:
        call = FakeCall(bills, "generator")
        return Corrupt().act(call), call

    one, call = spoilt()
    assert (10, 20) != (next(one), one.send("sent"))
    assert 30 != one.throw(KeyError())
    with pytest.raises(StopIteration) as ended:
        next(one)
    assert ("end", ["sent", "thrown", "closed"]) == (ended.value.value, seen)
    assert (False, 0) == state(call)

    two, _ = spoilt()
    next(two)
    two.close()
    assert "closed" == seen[-1]
    three, _ = spoilt()
    next(three)
    with pytest.raises(ZeroDivisionError):
        three.throw(ZeroDivisionError())


def test_corrupt_async_generator_hands_on_what_is_sent_thrown_and_closed() -> None:
    seen: list[Any] = []

    async def bills() -> AsyncIterator[int]:
        try:
            seen.append((yield 10))
            try:
                yield 20
            except KeyError:
                seen.append("thrown")
            yield 30
        finally:
            seen.append("closed")

    async def main() -> None:
        one = await Corrupt().act_async(FakeCall(bills, "async generator"))
        assert (10, 20) != (await anext(one), await one.asend("sent"))
        assert 30 != await one.athrow(KeyError())
        assert [] == [item async for item in one]
        assert ["sent", "thrown", "closed"] == seen
        two = await Corrupt().act_async(FakeCall(bills, "async generator"))
        await anext(two)
        await two.aclose()
        assert "closed" == seen[-1]

    asyncio.run(main())


def test_corrupt_generator_without_items_is_no_activation() -> None:
    call = FakeCall(lambda: (item for item in ()), "generator")

    assert [] == list(Corrupt().act(call))
    assert (True, 0) == state(call)


def test_corrupt_generator_that_raises_at_once_is_no_activation() -> None:
    def broken() -> Iterator[int]:
        raise OSError("of its own")
        yield

    call = FakeCall(broken, "generator")
    with pytest.raises(OSError, match="of its own"):
        list(Corrupt().act(call))
    assert (True, 0) == state(call)


def test_corrupt_context_manager_enters_to_garbage_and_is_left_as_ever() -> None:
    seen: list[str] = []

    @contextlib.contextmanager
    def account() -> Iterator[int]:
        try:
            yield 5
        except KeyError:
            seen.append("suppressed")
        seen.append("left")

    @contextlib.asynccontextmanager
    async def account_later() -> AsyncIterator[int]:
        with account() as value:
            yield value

    async def main() -> None:
        async with await Corrupt().act_async(FakeCall(account_later, "async context manager")) as value:
            assert 5 != value
            raise KeyError

    with Corrupt().act(FakeCall(account, "context manager")) as value:
        assert 5 != value
        raise KeyError
    asyncio.run(main())
    assert ["suppressed", "left"] * 2 == seen


def test_context_manager_of_an_unknown_class_enters_to_the_real_value_and_is_noted() -> None:
    value = object()
    call = FakeCall(contextlib.nullcontext, "context manager")
    call.function = lambda: contextlib.nullcontext(value)

    with Corrupt().act(call) as entered:
        assert (True, 1) == state(call)
    assert entered is value
