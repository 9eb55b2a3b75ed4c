"""One switch, one server, one client.

`SHOP_VARIANT` says which of the two source trees is the package `shop`; the tests are the same.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient

HERE = Path(__file__).parent
VARIANTS = ("robust", "fragile")
SHELF = {"mug": 100, "lamp": 1, "poster": 100}  # "poster" has goods, but no price
PRICES = {"mug": 450, "lamp": 12_000}


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Make one variant importable before anything asks for `shop`."""
    variant = os.environ.get("SHOP_VARIANT", VARIANTS[0])
    if variant not in VARIANTS:
        raise pytest.UsageError(f"SHOP_VARIANT must be {' or '.join(VARIANTS)}, got {variant!r} (environment variable)")
    sys.path.insert(0, str(HERE / variant))


def pytest_report_header() -> str:
    """Say which shop is being tested."""
    return f"shop: {os.environ.get('SHOP_VARIANT', VARIANTS[0])}"


@pytest.fixture(scope="session")
def payment_url() -> Iterator[str]:
    """The payment service on loopback, for the whole session.

    The socket listens before the server starts, so early requests queue up in the kernel
    and nobody has to poll until the service is ready.
    """
    from shop.payment_service import create_app

    # The protocol is named because asyncio sets TCP_NODELAY only then: 40 ms less per charge.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    host, port = listener.getsockname()
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="payment-service", daemon=True)
    thread.start()
    yield f"http://{host}:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def client(payment_url: str, tmp_path: Path) -> Iterator[TestClient]:
    """A customer in front of a freshly opened shop, who sees status codes and never exceptions."""
    from shop.gateway import Settings, create_app

    settings = Settings(
        payment_url=payment_url,
        database_url=f"sqlite:///{tmp_path / 'stock.db'}",
        notes=tmp_path,
        shelf=SHELF,
        prices=PRICES,
    )
    with TestClient(create_app(settings), raise_server_exceptions=False) as customer:
        yield customer


@pytest.fixture
def buy(client: TestClient) -> Callable[..., Any]:
    """Order a mug, or whatever is said instead, and return the answer."""

    def order(sku: str = "mug", quantity: int = 1, card: str = "card-good") -> Any:
        basket = {"sku": sku, "quantity": quantity, "customer": "c-1", "card": card}
        return client.post("/checkout", json=basket)

    return order
