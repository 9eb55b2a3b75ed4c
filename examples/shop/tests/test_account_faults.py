"""What the shop answers about its customers, when it can be asked who they are, and when not."""

import pytest
from pytest_chaos import Raise

MINE = {"authorization": "Bearer token-1"}


def test_a_token_is_somebodys_or_nobodys(client):
    """200 for a customer, 401 for everybody else, in the one error body."""
    assert client.get("/account", headers=MINE).json() == {"customer": "c-1"}

    nobody = client.get("/account")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "not_signed_in")


@pytest.mark.chaos("shop.accounts:Accounts.find", Raise(ConnectionError))
@pytest.mark.chaos_contract(status=[200, 401, 503])
def test_an_outage_of_the_accounts_is_no_401(client):
    """A customer who is told to sign in again cannot: it is not his fault."""
    assert client.get("/account", headers=MINE).status_code in (401, 503)


@pytest.mark.chaos("shop.accounts:Accounts.find", Raise(KeyError, "shard"))
@pytest.mark.chaos_contract(status=[200, 401, 500])
def test_what_nobody_foresaw_is_confessed_in_the_one_body(client):
    """500, and nothing of our insides."""
    assert client.get("/account", headers=MINE).status_code == 500
