import app
import httpx
import pytest
from pytest_chaos import Raise

pytestmark = pytest.mark.chaos_contract(status=[200, 404, 503])


@pytest.fixture
def client():
    with httpx.Client(transport=httpx.WSGITransport(app.application), base_url="http://shop") as client:
        yield client


@pytest.mark.parametrize("page", ["/stock", "/prices"])
@pytest.mark.chaos("app:query", Raise(ConnectionError))
def test_a_page_without_a_database(client, page):
    assert client.get(page).is_error
