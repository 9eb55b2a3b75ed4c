import pytest
import system


@pytest.fixture(scope="session")
def server():
    server = system.Server()
    yield server
    server.close()


def test_the_server_knows_the_price_of_a_mug(server):
    assert server.ask("mug") == 250
