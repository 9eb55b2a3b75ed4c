import asyncio
import logging

log = logging.getLogger(__name__)


async def build():
    return "report"


async def tick(seen):
    while True:
        seen.append("still building")
        await asyncio.sleep(0.02)


async def build_with_progress(seen):
    progress = asyncio.create_task(tick(seen))
    try:
        report = await build()
    except Exception:
        log.warning("the report was not built")
        report = "no report"
    progress.cancel()
    return report


async def report():
    try:
        async with asyncio.timeout(0.05):
            return await build_with_progress([])
    except TimeoutError:
        log.warning("the report takes too long")
        return "no report"
