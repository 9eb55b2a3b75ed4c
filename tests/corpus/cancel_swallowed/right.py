import asyncio
import logging

LAST_READING = 21

log = logging.getLogger(__name__)


async def read_sensor():
    return 21


async def temperature():
    for pause in (0.001, 0.002, 0.004):
        try:
            return await read_sensor()
        except ConnectionError:
            log.warning("asking the sensor again")
            await asyncio.sleep(pause)
    return LAST_READING


async def show():
    try:
        async with asyncio.timeout(0.05):
            return f"{await temperature()} °C"
    except TimeoutError:
        log.warning("the sensor is too slow")
        return "-- °C"
