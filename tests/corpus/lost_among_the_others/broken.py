import asyncio


async def weigh(sku):
    return 350


async def ask(sku):
    async with asyncio.timeout(0.05):
        return await weigh(sku)


async def weight(skus):
    answers = await asyncio.gather(*map(ask, skus), return_exceptions=True)
    return sum(answer for answer in answers if isinstance(answer, int))
