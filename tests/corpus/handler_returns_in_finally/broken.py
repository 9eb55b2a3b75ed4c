import asyncio


async def weigh(sku):
    return 350


async def weight(skus):
    total = 0
    try:
        for sku in skus:
            async with asyncio.timeout(0.05):
                total += await weigh(sku)
    finally:
        return total  # noqa: B012  # the weakness
