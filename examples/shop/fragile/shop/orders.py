"""Orders that were paid, and whether the customer has been told."""

import threading
from dataclasses import dataclass

from shop.errors import UnknownOrder


@dataclass(frozen=True, slots=True)
class Order:
    """One sale. The id doubles as the idempotency key of its payment.

    Units: `amount` in cents.
    """

    id: str
    sku: str
    quantity: int
    customer: str
    amount: int


class OrderBook:
    """The paid orders; written by requests and by the notifier's thread, hence the lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: dict[str, Order] = {}
        self._notified: set[str] = set()

    def add(self, order: Order) -> None:
        """Book a paid order."""
        with self._lock:
            self._orders[order.id] = order

    def mark_notified(self, order_id: str) -> None:
        """Remember that the customer has been told."""
        with self._lock:
            self._notified.add(order_id)

    def describe(self, order_id: str) -> dict[str, object]:
        """Return what a customer may see of an order.

        Raises:
            UnknownOrder: no paid order has this id.
        """
        with self._lock:
            order = self._orders.get(order_id)
            if order is None:
                raise UnknownOrder(f"no order {order_id!r}")
            return {
                "order_id": order.id,
                "sku": order.sku,
                "quantity": order.quantity,
                "amount": order.amount,
                "notified": order.id in self._notified,
            }
