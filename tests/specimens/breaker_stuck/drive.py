import system

from pytest_chaos import Raise


def test_system(chaos):
    with chaos.inject("system:fetch", Raise(ConnectionError)):
        assert [system.answer() for _ in range(3)] == [None, None, None]
    chaos.recovers(lambda: system.answer() == 1, within=0.2)
