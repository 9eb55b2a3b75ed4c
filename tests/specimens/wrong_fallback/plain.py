import system


def test_system():
    assert system.basket() == ["mug"]
