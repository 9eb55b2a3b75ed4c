import pytest
import system


@pytest.mark.filterwarnings("default::pytest.PytestUnhandledThreadExceptionWarning")
def test_system():
    assert system.answer() == 0
