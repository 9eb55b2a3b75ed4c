import pytest
import system


@pytest.fixture(autouse=True)
def free_slots():
    with pytest.raises(ValueError):
        while True:  # two bad runs must not let the next one wait for ever
            system.SLOTS.release()


def test_system():
    assert system.answer() in (0, 1)
