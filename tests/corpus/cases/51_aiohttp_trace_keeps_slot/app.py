"""Asks a service over one connection, and counts how often that is used again."""

import asyncio
import logging

import aiohttp

ATTEMPTS = 5
PATIENCE_S = 0.3

log = logging.getLogger(__name__)


async def count_reuse():
    """Tell the statistics service."""
    await asyncio.sleep(0)


async def on_reuse(session, context, params):
    await count_reuse()


async def answers(url):
    """Return what the service says, each time that it says something."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(on_reuse)
    found = []
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=1),
        trace_configs=[trace],
        timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
    ) as session:
        for _ in range(ATTEMPTS):
            try:
                async with session.get(url) as answer:
                    found.append(await answer.text())
            except (ConnectionError, TimeoutError) as error:
                log.warning("no answer: %r", error)
    return found
