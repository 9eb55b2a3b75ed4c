"""Audit entry and receipt of an order: nothing is charged before both are on file."""

import asyncio

from shop.errors import AuditUnavailable
from shop.orders import Order


class Paperwork:
    """The audit trail and the receipts.

    The two are made side by side, but a receipt quotes the serial number of its audit entry,
    so it waits for that one at the end.
    """

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.receipts: dict[str, str] = {}
        self._serials: dict[str, asyncio.Future[int]] = {}

    async def append(self, order: Order) -> int:
        """Write the audit entry and return its serial number, from 1."""
        self.entries.append(f"{order.customer} buys {order.quantity} of {order.sku}")
        return len(self.entries)

    async def record(self, order: Order) -> None:
        """Write the audit entry and hand its serial number to the receipt."""
        serial = await self.append(order)
        self._serials.pop(order.id).set_result(serial)

    async def issue(self, order: Order, serial: asyncio.Future[int]) -> None:
        """Write the receipt, as soon as the serial number is known."""
        self.receipts[order.id] = f"{order.amount} cents, audit entry {await serial}"

    async def file(self, order: Order) -> None:
        """Put audit entry and receipt on file; both are there, or neither step goes on.

        Raises:
            AuditUnavailable: the audit entry cannot be written.
        """
        serial = self._serials[order.id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.TaskGroup() as steps:
                steps.create_task(self.issue(order, serial))
                steps.create_task(self.record(order))
        except ExceptionGroup as failures:
            _, unexpected = failures.split(OSError)
            if unexpected is not None:
                raise
            raise AuditUnavailable("the audit trail cannot be written") from failures
        finally:
            self._serials.pop(order.id, None)
