import system


def test_ann_is_let_in_or_told_so():
    assert system.log_in("ann", "secret") in ("welcome", "refused")
