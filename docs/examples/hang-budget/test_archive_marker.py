import archive
import pytest
from pytest_chaos import Hang


@pytest.mark.chaos("archive:read_tape", Hang(), hang_budget=10 * archive.TIMEOUT_S)
def test_a_tape_that_is_stuck_is_given_up():
    assert archive.find("c-1") is None
