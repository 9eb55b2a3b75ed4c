import asyncio

import pytest
import system

from pytest_chaos import Raise


@pytest.mark.chaos("system:fetch", Raise(ConnectionError))
def test_system():
    assert asyncio.run(system.answer()) == 0
