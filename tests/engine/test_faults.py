"""WHAT: fault values, checked when they are made; instances of errors; refusals by kind."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest

from pytest_chaos import Delay, Fault, Hang, Null, Raise, Return, SpecificationError
from pytest_chaos.faults.base import as_fault
from pytest_chaos.faults.words import FAULT_WORDS, LATER_WORDS


class NeedsTwo(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code


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


@pytest.mark.parametrize("fault", [Raise(OSError, "a"), Hang(), Hang(2), Return(3), Null(), Delay(1, 0.5)])
def test_fault_is_a_frozen_value(fault: Fault) -> None:
    assert fault == copy.copy(fault) == pickle.loads(pickle.dumps(fault))
    assert hash(fault) == hash(copy.copy(fault))
    with pytest.raises(AttributeError):
        fault.word = "other"  # type: ignore[misc]  # frozen: it must be refused


def test_different_faults_differ() -> None:
    assert 7 == len({Raise(OSError), Raise(OSError, 1), Raise(ValueError), Hang(), Hang(1), Null(), Return(None)})


@pytest.mark.parametrize(("value", "expected"), [(Null, Null()), (Hang, Hang()), (Null(), Null())])
def test_bare_class_is_a_fault(value: Any, expected: Fault) -> None:
    assert expected == as_fault(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Raise, "Raise(TimeoutError)"),
        (Return, "Return(0)"),
        (Delay, "Delay(0.2)"),
        (TimeoutError, "Write Raise(TimeoutError)"),
        ("hang", "Use Raise(...)"),
        (None, "is not a fault"),
        (lambda: 1, "is not a fault"),
    ],
)
def test_what_is_no_fault_is_refused_with_what_to_write(value: Any, words: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        as_fault(value)

    assert words in str(caught.value)


def test_words_of_the_rule_text() -> None:
    assert {"raise": Raise, "hang": Hang, "null": Null, "return": Return, "delay": Delay} == FAULT_WORDS
    assert not LATER_WORDS & FAULT_WORDS.keys()


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


def test_factory_that_makes_no_exception_is_refused_when_it_is_seen() -> None:
    with pytest.raises(SpecificationError, match="which is not an exception"):
        Raise(lambda: "text").error("label")  # type: ignore[arg-type,return-value]  # wrong on purpose


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
