import system
from starlette.testclient import TestClient


def test_system():
    with TestClient(system.app, raise_server_exceptions=False) as client:
        assert client.get("/").status_code == 200
