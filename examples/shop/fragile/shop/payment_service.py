"""The payment service: a system of its own, which the shop reaches only over HTTP."""

import uuid

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

DECLINED_CARD = "card-declined"


class Declined(Exception):
    """The bank will not pay."""


class Ledger:
    """Charges by idempotency key: the same key is booked once, however often it is sent."""

    def __init__(self) -> None:
        self._payment_ids: dict[str, str] = {}

    def book(self, key: str) -> str:
        """Return the payment id of a key, booking it the first time."""
        return self._payment_ids.setdefault(key, uuid.uuid4().hex)


async def authorise(ledger: Ledger, key: str, card: str) -> dict[str, str]:
    """Ask the bank, and book the charge.

    Raises:
        Declined: the bank refuses this card.
    """
    if card == DECLINED_CARD:
        raise Declined(card)
    return {"payment_id": ledger.book(key)}


async def charges(request: Request) -> JSONResponse:
    """POST /charges: 201 with a payment id, or 402."""
    charge = await request.json()
    key = request.headers["Idempotency-Key"]
    try:
        answer = await authorise(request.app.state.ledger, key, charge["card"])
    except Declined:
        return JSONResponse({"reason": "declined"}, status_code=402)
    return JSONResponse(answer, status_code=201)


def create_app() -> Starlette:
    """Build the service, with an empty ledger."""
    app = Starlette(routes=[Route("/charges", charges, methods=["POST"])])
    app.state.ledger = Ledger()
    return app
