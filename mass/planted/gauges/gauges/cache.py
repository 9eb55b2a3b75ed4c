"""Levels that were read a short time ago."""

import asyncio


class Cache:
    """One read for all who ask for the same gauge."""

    def __init__(self, source):
        self.source = source
        self.reads = {}
        self.busy = asyncio.Lock()
        self.last = {}

    async def level(self, gauge):
        if gauge not in self.reads:
            self.reads[gauge] = asyncio.ensure_future(self.source.level(gauge))
        return await self.reads[gauge]

    def forget(self):
        self.reads.clear()

    async def refresh(self, gauge):
        await self.busy.acquire()
        self.last[gauge] = await self.source.level(gauge)
        self.busy.release()
        return self.last[gauge]
