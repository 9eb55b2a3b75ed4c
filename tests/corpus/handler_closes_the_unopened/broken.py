import asyncio
import logging

LAST_READING = 21

log = logging.getLogger(__name__)


class Line:
    is_open = True

    def read(self):
        return 21

    def close(self):
        self.is_open = False


async def connect():
    return Line()


async def temperature():
    try:
        async with asyncio.timeout(0.05):
            line = await connect()
        return line.read()
    except (ConnectionError, TimeoutError):
        log.warning("no line to the sensor, using the last reading")
        return LAST_READING
    finally:
        line.close()
