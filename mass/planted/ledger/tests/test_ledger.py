from ledger.reports import export, file_report


def test_an_account_is_opened(bank):
    bank.open_account("eve", "eur")
    assert bank.balance("eve") == 0


def test_money_is_paid_in(bank):
    bank.pay_in("bob", 30)
    assert bank.balance("bob") == 30
    assert bank.entries("bob") == [30]


def test_money_is_transferred(bank):
    bank.transfer("ann", "bob", 40)
    assert (bank.balance("ann"), bank.balance("bob")) == (60, 40)


def test_an_account_has_a_label(bank):
    assert bank.label("ann") == "EUR ann"
    assert bank.label("ann") == "EUR ann"


def test_a_day_is_closed(bank):
    assert bank.close_day() == 100


def test_a_note_is_written_later(bank):
    bank.note_later("bob", 5)
    bank.pool.shutdown()
    assert bank.entries("bob") == [5]


def test_balances_are_exported(bank, tmp_path):
    export(bank, ["ann", "bob"], tmp_path / "balances.csv")
    assert (tmp_path / "balances.csv").read_text() == "ann;100\nbob;0\n"


def test_a_report_is_filed(authority):
    assert file_report(*authority, "all is well") == 7
