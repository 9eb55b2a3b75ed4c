import pytest
import system
from starlette.testclient import TestClient

from pytest_chaos import Raise


@pytest.mark.chaos("system:fetch", Raise(ConnectionError))
@pytest.mark.chaos_contract(status=[200, 503])
def test_system():
    with TestClient(system.app, raise_server_exceptions=False) as client:
        assert client.get("/").status_code >= 500
