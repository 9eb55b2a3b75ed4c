import system


def test_system():
    assert system.answer() in (0, 1)
