import system


def test_an_order_is_charged_once():
    bank = system.Bank()
    assert system.pay(bank, "A7", 250) in ("paid", "in doubt")
    assert sum(bank.taken.values()) == 250
