"""What things cost."""

from collections.abc import Mapping


class PriceList:
    """Prices in cents. An article without a price is not for sale at the moment."""

    def __init__(self, prices: Mapping[str, int]) -> None:
        self._prices = dict(prices)

    def find(self, sku: str) -> int | None:
        """Return the price of one piece, or None while there is none."""
        return self._prices.get(sku)
