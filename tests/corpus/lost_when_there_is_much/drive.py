import system


def test_four_lines_are_taken_as_long_as_the_first_are_sent():
    assert system.send_all(["a", "b", "c", "d"]) in (0, 1, 4)
