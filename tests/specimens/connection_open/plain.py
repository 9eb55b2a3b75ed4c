import asyncio
import socket

import system


def test_system():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert asyncio.run(system.answer(server.getsockname()[1])) in (0, 1)
