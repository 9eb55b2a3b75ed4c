import asyncio
import logging

LAST_READING = 21

log = logging.getLogger(__name__)


async def read_sensor():
    return 21


async def temperature():
    for _ in range(3):
        try:
            return await read_sensor()
        except (ConnectionError, asyncio.CancelledError):
            log.warning("asking the sensor again")
    return LAST_READING


async def show():
    try:
        async with asyncio.timeout(0.05):
            return f"{await temperature()} °C"
    except TimeoutError:
        log.warning("the sensor is too slow")
        return "-- °C"
