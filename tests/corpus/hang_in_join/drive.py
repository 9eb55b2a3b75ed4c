import system


def test_shelves_that_were_counted_hold_six():
    counts = system.count_all(["left", "right"])
    assert counts.keys() <= {"left", "right"}
    assert set(counts.values()) <= {6}
