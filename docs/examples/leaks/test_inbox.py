import pytest
from inbox import Inbox


@pytest.fixture(scope="module")
def shared_inbox():
    return Inbox()


@pytest.mark.no_leaks
def test_an_inbox_that_is_closed():
    Inbox().close()


@pytest.mark.no_leaks
def test_an_inbox_that_is_forgotten():
    Inbox()


@pytest.mark.no_leaks
def test_an_inbox_for_all(shared_inbox):
    assert shared_inbox
