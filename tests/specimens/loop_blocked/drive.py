import asyncio

import pytest
import system

from pytest_chaos import Hang


@pytest.mark.chaos("system:fetch", Hang(), hang_budget=0.3)
def test_system():
    assert asyncio.run(system.answer()) in (0, 1)
