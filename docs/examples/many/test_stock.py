import pytest
import stock


@pytest.mark.parametrize("name", [name for name in vars(stock) if name.startswith("price_of")])
def test_an_item_has_a_price(name):
    assert getattr(stock, name)() > 0
