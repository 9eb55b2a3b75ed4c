import asyncio
import logging

PRICES = {"mug": 250}

log = logging.getLogger(__name__)


async def find_price(sku) -> int | None:
    return PRICES.get(sku)


async def ask(sku):
    try:
        async with asyncio.timeout(0.05):
            return await find_price(sku)
    except (ConnectionError, TimeoutError):
        log.warning("no price for %s", sku)
        return None


async def page(skus):
    prices = {}
    lines = []
    for sku in skus:
        if sku not in prices:
            prices[sku] = await ask(sku)
        price = prices[sku]
        lines.append(f"{sku} {'on request' if price is None else price}")
    return lines
