"""A shop window that asks a service what there is in stock."""

import logging

import httpx


def in_stock(client: httpx.Client, sku: str) -> int:
    """Ask the stock service; 0 where it does not know."""
    try:
        found = client.get(f"http://stock.example/{sku}")
        found.raise_for_status()
    except httpx.HTTPError as error:
        logging.warning("stock of %s is not known: %s", sku, error)
        return 0
    return found.json()["pieces"]


def window(client: httpx.Client) -> list[str]:
    """Return what is shown."""
    return [sku for sku in ("mug", "tea") if in_stock(client, sku)]
