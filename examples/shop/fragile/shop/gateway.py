"""The shop over HTTP.

| route             | answers                                         |
|-------------------|-------------------------------------------------|
| POST /checkout    | 201, or 400, 402, 404, 409, 502, 503, 504       |
| GET /stock/{sku}  | 200, or 404, 503                                |
| GET /orders/{id}  | 200, or 404                                     |
| GET /account      | 200, or 401, 503                                |
| POST /deliveries  | 201, or 400, 503                                |
| GET /health       | 200                                             |

Every other answer is a bug. Error answers have one shape, see `answers`.
"""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from shop.accounts import Accounts, signed_in
from shop.answers import confess, refuse, refuse_route, refuse_without_database
from shop.checkout import Basket, Shop, place_order
from shop.deliveries import receive
from shop.errors import BadRequest, ShopError, UnknownSku
from shop.loyalty import Loyalty
from shop.notifications import Notifier
from shop.orders import OrderBook
from shop.paperwork import Paperwork
from shop.payments import Payments
from shop.prices import PriceList
from shop.stock import Stock


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the shop finds its dependencies, and what it starts with."""

    payment_url: str
    database_url: str
    notes: Path
    shelf: Mapping[str, int]
    prices: Mapping[str, int]


async def read_json(request: Request) -> object:
    """Return the request's body.

    Raises:
        BadRequest: it is not JSON.
    """
    try:
        return await request.json()
    except ValueError as error:
        raise BadRequest("the body is not JSON") from error


async def checkout(request: Request) -> JSONResponse:
    """POST /checkout"""
    basket = Basket.parse(await read_json(request))
    order = await place_order(request.state.shop, basket)
    return JSONResponse({"order_id": order.id, "amount": order.amount}, status_code=201)


async def stock(request: Request) -> JSONResponse:
    """GET /stock/{sku}"""
    sku = request.path_params["sku"]
    quantity = await run_in_threadpool(request.state.shop.stock.quantity, sku)
    if quantity is None:
        raise UnknownSku(f"no article {sku!r}")
    return JSONResponse({"sku": sku, "quantity": quantity})


async def order(request: Request) -> JSONResponse:
    """GET /orders/{id}"""
    return JSONResponse(request.state.shop.orders.describe(request.path_params["id"]))


async def account(request: Request) -> JSONResponse:
    """GET /account: whose the token in `Authorization: Bearer` is."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    return JSONResponse({"customer": await signed_in(request.state.shop.accounts, token)})


async def deliveries(request: Request) -> JSONResponse:
    """POST /deliveries: a list of `sku,quantity` lines."""
    lines = await read_json(request)
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise BadRequest("a delivery is a list of lines")
    note = request.app.state.settings.notes / f"{uuid.uuid4().hex}.csv"
    pieces = await run_in_threadpool(receive, request.state.shop.stock, lines, note)
    return JSONResponse({"pieces": pieces}, status_code=201)


async def health(request: Request) -> JSONResponse:
    """GET /health: we answer, and how we see the payment service."""
    return JSONResponse({"payments": request.state.shop.payments.breaker.current_state})


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Shop]]:
    """Open the dependencies in order, close them in reverse, whatever happens between."""
    settings: Settings = app.state.settings
    with ExitStack() as closing:
        stock = Stock(settings.database_url, settings.shelf)
        closing.callback(stock.close)
        payments = Payments(settings.payment_url)
        closing.callback(payments.close)
        orders = OrderBook()
        notifier = Notifier(orders)
        notifier.start()
        closing.callback(notifier.stop)
        shop = Shop(
            stock=stock,
            prices=PriceList(settings.prices),
            payments=payments,
            paperwork=Paperwork(),
            orders=orders,
            notifier=notifier,
            loyalty=Loyalty(),
            accounts=Accounts(),
        )
        yield {"shop": shop}


def create_app(settings: Settings) -> Starlette:
    """Build the gateway."""
    app = Starlette(
        debug=True,
        routes=[
            Route("/checkout", checkout, methods=["POST"]),
            Route("/stock/{sku}", stock),
            Route("/orders/{id}", order),
            Route("/account", account),
            Route("/deliveries", deliveries, methods=["POST"]),
            Route("/health", health),
        ],
        exception_handlers={
            ShopError: refuse,
            HTTPException: refuse_route,
        },
        lifespan=lifespan,
    )
    app.state.settings = settings
    return app
