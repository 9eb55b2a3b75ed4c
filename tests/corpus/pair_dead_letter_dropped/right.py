import asyncio
import logging

log = logging.getLogger(__name__)


async def deliver(message):
    return "250 accepted"


async def keep(message):
    return "kept"


class Mailer:
    def __init__(self):
        self.delivered = []
        self.kept = []
        self.waiting = []

    async def send(self, message):
        try:
            async with asyncio.timeout(0.05):
                await deliver(message)
            self.delivered.append(message)
        except (ConnectionError, TimeoutError):
            log.warning("not delivered, keeping it: %s", message)
            await self.set_aside(message)

    async def set_aside(self, message):
        try:
            async with asyncio.timeout(0.05):
                await keep(message)
            self.kept.append(message)
        except (ConnectionError, TimeoutError):
            log.warning("not kept, waiting: %s", message)
            self.waiting.append(message)
