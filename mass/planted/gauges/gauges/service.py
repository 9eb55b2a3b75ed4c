"""What is done with the levels."""

import asyncio
import json

from gauges.cache import Cache
from gauges.station import measure


class Service:
    def __init__(self, source, folder):
        self.source = source
        self.cache = Cache(source)
        self.snapshot = folder / "levels.json"
        self.levels = {}
        self.watcher = None

    async def is_high(self, gauge):
        level = await self.cache.level(gauge)
        return level > await self.source.alarm(gauge)

    async def overview(self):
        names = await self.source.names()
        levels = await asyncio.gather(*(self.source.level(name) for name in names))
        self.levels = dict(zip(names, levels, strict=True))
        return self.levels

    def save(self):
        with open(self.snapshot, "w") as file:
            for gauge, level in sorted(self.levels.items()):
                file.write(json.dumps([gauge, level]) + "\n")

    def load(self):
        with open(self.snapshot) as file:
            self.levels = dict(json.loads(line) for line in file)

    def watch(self, gauge, pause):
        self.watcher = asyncio.create_task(self.keep_reading(gauge, pause))

    async def keep_reading(self, gauge, pause):
        while True:
            self.levels[gauge] = await self.source.level(gauge)
            await asyncio.sleep(pause)

    def stop(self):
        self.watcher.cancel()

    async def own_level(self, host, port):
        try:
            return await measure(host, port)
        except (OSError, TimeoutError):
            return 0.0
