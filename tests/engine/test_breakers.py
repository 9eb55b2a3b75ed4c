"""Breakers: what moving back the opening time does to those of both libraries, and what it leaves alone."""

from __future__ import annotations

import datetime
import gc
import math
import weakref
from types import SimpleNamespace
from typing import Any

import pybreaker
import pytest

from pytest_chaos.breakers import Breakers, let_open_time_pass

HOUR = 3600


class Down(Exception):
    pass


def fail() -> None:
    raise Down


def works() -> str:
    return "works"


def make_pybreaker(seconds: float = HOUR) -> Any:
    breaker = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=seconds)
    return breaker, breaker.call, lambda: breaker.current_state, pybreaker.CircuitBreakerError


def make_circuitbreaker(seconds: float = HOUR) -> Any:
    circuitbreaker = pytest.importorskip("circuitbreaker")
    breaker = circuitbreaker.CircuitBreaker(1, seconds)
    state = {"function": works}

    @breaker
    def guarded() -> str:
        return state["function"]()

    def call(function: Any) -> Any:
        state["function"] = function
        return guarded()

    return breaker, call, lambda: breaker.state.replace("_", "-"), circuitbreaker.CircuitBreakerError


BOTH = pytest.mark.parametrize("make", [make_pybreaker, make_circuitbreaker])


@BOTH
def test_an_open_breaker_takes_its_next_call_for_a_trial_and_closes(make: Any) -> None:
    breaker, call, state, refusal = make()
    with pytest.raises((Down, pybreaker.CircuitBreakerError)):
        call(fail)
    with pytest.raises(refusal):
        call(works)

    assert let_open_time_pass(breaker)
    assert call(works) == "works"
    assert state() == "closed"


@BOTH
def test_a_breaker_whose_trial_fails_is_open_again(make: Any) -> None:
    """Its state is never set."""
    breaker, call, state, refusal = make()
    with pytest.raises((Down, pybreaker.CircuitBreakerError)):
        call(fail)
    let_open_time_pass(breaker)
    with pytest.raises((Down, pybreaker.CircuitBreakerError)):
        call(fail)

    assert state() == "open"
    with pytest.raises(refusal):
        call(works)


@BOTH
def test_a_closed_breaker_is_left_alone(make: Any) -> None:
    breaker, call, state, _ = make()
    call(works)
    before = {**vars(breaker), **vars(getattr(breaker, "_state_storage", SimpleNamespace()))}

    assert not let_open_time_pass(breaker)
    assert before == {**vars(breaker), **vars(getattr(breaker, "_state_storage", SimpleNamespace()))}
    assert state() == "closed"


def test_a_breaker_of_an_old_release_that_counts_by_the_time_of_day_is_known_too() -> None:
    """As circuitbreaker's until 1.3, and pybreaker's until 1.3, whose times have no zone."""
    opened = datetime.datetime(2020, 1, 1, 12)
    old = SimpleNamespace(_state="open", _opened=opened, _recovery_timeout=60)

    assert let_open_time_pass(old)
    assert old._opened == opened - datetime.timedelta(minutes=1)

    storage = pybreaker.CircuitMemoryStorage("open")
    storage.opened_at = opened
    assert let_open_time_pass(SimpleNamespace(_state_storage=storage, reset_timeout=60))
    assert storage.opened_at == opened - datetime.timedelta(minutes=1)


class Shared(pybreaker.CircuitBreakerStorage):
    """A state that others see, too."""

    state = "open"
    opened_at = datetime.datetime(2020, 1, 1)


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param(SimpleNamespace(_state_storage=Shared("shared"), reset_timeout=60), id="its state is elsewhere"),
        pytest.param(SimpleNamespace(_state="open", _opened="noon", _recovery_timeout=60), id="a time of another kind"),
        pytest.param(SimpleNamespace(_state="open"), id="no opening time"),
        pytest.param(SimpleNamespace(), id="nothing known"),
        pytest.param(3, id="no attributes"),
    ],
)
def test_what_is_not_known_is_left_alone(stranger: Any) -> None:
    assert not let_open_time_pass(stranger)
    assert Shared.opened_at == datetime.datetime(2020, 1, 1)


def test_a_breaker_that_stays_open_for_ever_stays_open() -> None:
    breaker, call, state, _ = make_pybreaker(math.inf)
    with pytest.raises((Down, pybreaker.CircuitBreakerError)):
        call(fail)

    assert not let_open_time_pass(breaker)
    assert state() == "open"


@BOTH
def test_breakers_are_found_wherever_they_are_kept(make: Any) -> None:
    """Neither library has a list of all of its own."""
    _, call, state, refusal = make()
    with pytest.raises((Down, pybreaker.CircuitBreakerError)):
        call(fail)
    with pytest.raises(refusal):
        call(works)

    assert Breakers().let_open_time_pass()
    assert (call(works), state()) == ("works", "closed")


def test_a_breaker_is_not_kept_alive() -> None:
    class Own(pybreaker.CircuitBreaker):
        """As a project derives it."""

    own = Own(fail_max=1, reset_timeout=HOUR)
    own.open()
    breakers = Breakers()
    assert breakers.let_open_time_pass()
    assert own.call(works) == "works"
    gone = weakref.ref(own)
    del own
    gc.collect()

    assert gone() is None
    breakers.let_open_time_pass()
