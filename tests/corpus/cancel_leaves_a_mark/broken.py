import asyncio
import logging

RUNNING = set()

log = logging.getLogger(__name__)


async def execute(job):
    return "done"


async def run_once(job):
    if job in RUNNING:
        return "already running"
    RUNNING.add(job)
    try:
        state = await execute(job)
    except Exception:
        log.warning("job %s failed", job)
        state = "failed"
    RUNNING.discard(job)
    return state


async def nightly():
    try:
        async with asyncio.timeout(0.05):
            return await run_once("backup")
    except TimeoutError:
        log.warning("the backup took too long")
        return "failed"
