import system


def test_the_last_of_five_visitors_sees_a_price():
    assert [system.price("mug") for _ in range(5)][-1] == 250
