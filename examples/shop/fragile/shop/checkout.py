"""A sale: reserve, put on file, charge, and only then tell the world."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from starlette.concurrency import run_in_threadpool

from shop.accounts import Accounts
from shop.errors import BadRequest, NotForSale
from shop.loyalty import Loyalty
from shop.notifications import Notifier
from shop.orders import Order, OrderBook
from shop.paperwork import Paperwork
from shop.payments import Payments
from shop.prices import PriceList
from shop.stock import Stock


@dataclass(frozen=True, slots=True)
class Shop:
    """Everything a sale needs, opened and closed together by the gateway's lifespan."""

    stock: Stock
    prices: PriceList
    payments: Payments
    paperwork: Paperwork
    orders: OrderBook
    notifier: Notifier
    loyalty: Loyalty
    accounts: Accounts


@dataclass(frozen=True, slots=True)
class Basket:
    """What a customer wants to buy, and with which card."""

    sku: str
    quantity: int
    customer: str
    card: str

    @classmethod
    def parse(cls, payload: object) -> "Basket":
        """Read a basket from a JSON body.

        Raises:
            BadRequest: a field is missing or has the wrong type, or the quantity is below 1.
        """
        if not isinstance(payload, dict):
            raise BadRequest("the body must be an object")
        for field, kind in (("sku", str), ("quantity", int), ("customer", str), ("card", str)):
            if not isinstance(payload.get(field), kind):
                raise BadRequest(f"{field!r} must be given as {kind.__name__}")
        basket = cls(payload["sku"], payload["quantity"], payload["customer"], payload["card"])
        if basket.quantity < 1:
            raise BadRequest(f"'quantity' must be at least 1, got {basket.quantity}")
        return basket


def quote(prices: PriceList, basket: Basket) -> int:
    """Return what a basket costs, in cents.

    Raises:
        NotForSale: the article has no price at the moment.
    """
    return prices.find(basket.sku) * basket.quantity


@asynccontextmanager
async def reserved(stock: Stock, basket: Basket) -> AsyncIterator[None]:
    """Hold the goods while the block runs; if it fails, they go back on the shelf."""
    await run_in_threadpool(stock.reserve, basket.sku, basket.quantity)
    yield


async def place_order(shop: Shop, basket: Basket) -> Order:
    """Sell a basket.

    Raises:
        ShopError: one of its kinds for every reason not to sell; then nothing stays reserved.
    """
    async with reserved(shop.stock, basket):
        order = Order(
            id=uuid.uuid4().hex,
            sku=basket.sku,
            quantity=basket.quantity,
            customer=basket.customer,
            amount=quote(shop.prices, basket),
        )
        await shop.paperwork.file(order)
        await run_in_threadpool(shop.payments.charge, order.id, order.amount, basket.card)
    shop.orders.add(order)
    shop.notifier.announce(order)
    await shop.loyalty.reward(order)
    return order
