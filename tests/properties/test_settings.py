"""Property tests are held against nothing but what they say."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def test_no_property_test_is_held_against_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """An example that seems to take an hour, as on a machine that stood still, is an example like others."""
    now = [0.0]

    def an_hour_later() -> float:
        now[0] += 3600
        return now[0]

    @settings(max_examples=3, database=None)
    @given(st.integers())
    def example(number: int) -> None:
        assert isinstance(number, int)

    monkeypatch.setattr(time, "perf_counter", an_hour_later)
    example()
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check
