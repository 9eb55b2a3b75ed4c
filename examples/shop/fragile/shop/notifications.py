"""Mail to customers, sent by a thread of its own so that no sale waits for it."""

import logging
import queue
import threading

from shop.orders import Order, OrderBook

log = logging.getLogger(__name__)


def deliver(outbox: list[str], order: Order) -> None:
    """Hand one message to the mail relay."""
    outbox.append(f"Dear {order.customer}, your {order.sku} is on its way (order {order.id})")


class Notifier:
    """A queue of paid orders and the thread that works it off.

    The thread waits without a timeout: None in the queue, not a clock, tells it to stop.
    """

    def __init__(self, orders: OrderBook) -> None:
        self.outbox: list[str] = []
        self._orders = orders
        self._queue: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="notifier", daemon=True)

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def stop(self) -> None:
        """Send what is queued, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def announce(self, order: Order) -> None:
        """Queue the message about a paid order."""
        self._queue.put(order)

    def _work(self) -> None:
        """Send until told to stop; one message that cannot be sent is one message less."""
        while (order := self._queue.get()) is not None:
            deliver(self.outbox, order)
            self._orders.mark_notified(order.id)
