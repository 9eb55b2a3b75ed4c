import asyncio


async def count(sku):
    return 12


async def in_stock(sku):
    try:
        async with asyncio.timeout(0.05):
            return await count(sku)
    except:  # noqa: E722  # the weakness
        return 0
