import system


def test_system():
    assert system.answer() == 1
