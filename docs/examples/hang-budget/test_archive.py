import archive
import pytest
from pytest_chaos import Hang


@pytest.mark.chaos("archive:read_tape", Hang())
def test_a_tape_that_is_stuck_is_given_up():
    assert archive.find("c-1") is None
