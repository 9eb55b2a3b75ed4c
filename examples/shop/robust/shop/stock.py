"""What is on the shelf: one table in SQLite."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select, update

from shop.errors import SoldOut, UnknownSku

_metadata = MetaData()
_shelf = Table(
    "stock",
    _metadata,
    Column("sku", String, primary_key=True),
    Column("quantity", Integer, nullable=False),
)


class Stock:
    """The shelf. Every method is one transaction and may block: call it from a worker thread."""

    def __init__(self, database_url: str, shelf: Mapping[str, int]) -> None:
        self._engine = create_engine(database_url)
        _metadata.create_all(self._engine)
        self.restock(shelf.items())

    def close(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()

    def quantity(self, sku: str) -> int | None:
        """Return how many pieces are free, or None for an article we never had."""
        with self._engine.connect() as connection:
            return connection.scalar(select(_shelf.c.quantity).where(_shelf.c.sku == sku))

    def reserve(self, sku: str, quantity: int) -> None:
        """Take pieces off the shelf.

        Test and decrement are one statement, so two customers cannot both get the last piece.

        Raises:
            UnknownSku: we never had this article.
            SoldOut: fewer than `quantity` pieces are free.
        """
        taken = (
            update(_shelf)
            .where(_shelf.c.sku == sku, _shelf.c.quantity >= quantity)
            .values(quantity=_shelf.c.quantity - quantity)
        )
        with self._engine.begin() as connection:
            if connection.execute(taken).rowcount:
                return
            known = connection.scalar(select(_shelf.c.sku).where(_shelf.c.sku == sku))
        if known is None:
            raise UnknownSku(f"no article {sku!r}")
        raise SoldOut(f"fewer than {quantity} of {sku!r} left")

    def release(self, sku: str, quantity: int) -> None:
        """Put reserved pieces back."""
        self.restock([(sku, quantity)])

    def restock(self, rows: Iterable[tuple[str, int]]) -> None:
        """Add pieces to the shelf, all rows or none; an article we never had gets its place."""
        with self._engine.begin() as connection:
            for sku, quantity in rows:
                added = update(_shelf).where(_shelf.c.sku == sku).values(quantity=_shelf.c.quantity + quantity)
                if not connection.execute(added).rowcount:
                    connection.execute(insert(_shelf).values(sku=sku, quantity=quantity))
