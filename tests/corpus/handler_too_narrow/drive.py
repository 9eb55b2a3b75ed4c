import system


def test_the_price_of_a_mug():
    assert system.price("mug") == 250
