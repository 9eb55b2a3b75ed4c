import asyncio
import logging

TYPICAL = 350

log = logging.getLogger(__name__)


async def weigh(sku):
    return 350


async def ask(sku):
    async with asyncio.timeout(0.05):
        return await weigh(sku)


async def weight(skus):
    total = 0
    for sku, answer in zip(skus, await asyncio.gather(*map(ask, skus), return_exceptions=True), strict=True):
        if isinstance(answer, BaseException):
            log.warning("%s was not weighed (%r), using the typical weight", sku, answer)
            answer = TYPICAL
        total += answer
    return total
