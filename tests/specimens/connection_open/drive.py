import asyncio
import socket

import pytest
import system

from pytest_chaos import Raise


@pytest.mark.chaos("system:fetch", Raise(ConnectionError))
def test_system():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert asyncio.run(system.answer(server.getsockname()[1])) == 0
