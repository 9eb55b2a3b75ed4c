"""How long a fault lasts that an exploration chose."""

from __future__ import annotations

import pytest

from pytest_chaos.plugin.one_test import most_firings


@pytest.mark.parametrize(("calls", "expected"), [(0, 100), (10, 100), (50, 500), (500, 5_000), (20_000, 25_000)])
def test_fault_acts_on_more_calls_than_the_plain_run_has_but_not_for_ever(calls: int, expected: int) -> None:
    assert most_firings(calls) == expected
