import pytest
import system


@pytest.fixture(autouse=True)
def free_lock():
    if system.LOCK.locked():
        system.LOCK.release()  # a bad run must not let the next one wait for ever


def test_system():
    assert system.answer() in (0, 1)
