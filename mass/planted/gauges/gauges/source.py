"""Levels from the service of the water board, over HTTP."""

import asyncio

import httpx


class Source:
    def __init__(self, url):
        self.client = httpx.AsyncClient(base_url=url, timeout=2.0)
        self.patient = httpx.AsyncClient(base_url=url, timeout=None)

    async def level(self, gauge):
        answer = await self.client.get(f"/levels/{gauge}")
        answer.raise_for_status()
        return answer.json()["level"]

    async def history(self, gauge):
        """All levels of a gauge; this may take its time."""
        answer = await self.patient.get(f"/history/{gauge}")
        return answer.json()["levels"]

    async def names(self):
        while True:
            try:
                answer = await self.client.get("/names")
                return answer.json()["names"]
            except httpx.TransportError:
                await asyncio.sleep(0.01)

    async def alarm(self, gauge):
        """The level at which a gauge gives alarm, or None."""
        try:
            answer = await self.client.get(f"/alarms/{gauge}")
            return answer.json()["alarm"]
        except httpx.HTTPError:
            return None

    async def close(self):
        await self.client.aclose()
        await self.patient.aclose()
