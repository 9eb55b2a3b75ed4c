"""A gauge of our own at the river, that talks over TCP."""

import asyncio


class StationError(Exception):
    """The gauge said nothing useful."""


async def measure(host, port):
    reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 2)
    writer.write(b"LEVEL\n")
    await writer.drain()
    line = await asyncio.wait_for(reader.readline(), 2)
    if not line.startswith(b"OK "):
        raise StationError(line.decode())
    writer.close()
    await writer.wait_closed()
    return float(line[3:])
