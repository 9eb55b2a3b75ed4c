"""Whose a token is: known to another team's service, which is as good as its network."""

import asyncio

from shop.errors import AccountsUnavailable, NotSignedIn


class Accounts:
    """The service that knows the tokens."""

    def __init__(self) -> None:
        self._customers = {"token-1": "c-1"}

    async def find(self, token: str) -> str | None:
        """Return the customer, or `None` if nobody is known by the token.

        Raises:
            OSError: the service cannot be asked.
        """
        await asyncio.sleep(0)
        return self._customers.get(token)


async def signed_in(accounts: Accounts, token: str) -> str:
    """Return the customer of a token.

    Raises:
        NotSignedIn: it is nobody's.
        AccountsUnavailable: that cannot be asked.
    """
    try:
        customer = await accounts.find(token)
    except OSError:
        customer = None
    if customer is None:
        raise NotSignedIn("sign in first")
    return customer
