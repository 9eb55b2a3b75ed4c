"""Reads from a database that it is not willing to wait for."""

import asyncio
import logging

import aiosqlite

PATIENCE_S = 0.1
PAUSE_S = 0.4

log = logging.getLogger(__name__)


async def stock_of(path, sku):
    for _ in range(2):
        try:
            database = await asyncio.wait_for(aiosqlite.connect(path), PATIENCE_S)
        except TimeoutError:
            log.warning("the database does not open")
            await asyncio.sleep(PAUSE_S)
            continue
        try:
            async with database.execute("select count from stock where sku = ?", [sku]) as rows:
                return (await rows.fetchone())[0]
        finally:
            await database.close()
    return None
