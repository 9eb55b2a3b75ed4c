import system


def test_system():
    assert [system.answer() for _ in range(5)][-1] == 1
