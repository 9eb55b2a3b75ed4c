import asyncio
import json

import pytest

from gauges.service import Service
from gauges.source import Source

PAGES = {
    "/names": {"names": ["elbe", "oder"]},
    "/levels/elbe": {"level": 3.5},
    "/levels/oder": {"level": 1.2},
    "/alarms/elbe": {"alarm": 3.0},
    "/alarms/oder": {"alarm": 4.0},
    "/history/elbe": {"levels": [3.1, 3.3, 3.5]},
}


async def answer(reader, writer):
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            page = PAGES[head.split()[1].decode()]
            body = json.dumps(page).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def tell(reader, writer):
    try:
        await reader.readline()
        writer.write(b"OK 2.75\n")
        await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def board():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield f"http://{host}:{port}"
    server.close()


@pytest.fixture
async def river():
    server = await asyncio.start_server(tell, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()
    server.close()


@pytest.fixture
async def source(board):
    source = Source(board)
    yield source
    await source.close()


@pytest.fixture
async def service(source, tmp_path):
    return Service(source, tmp_path)
