from postman import feeds, main, state


def test_a_feed_is_read(feed):
    assert feeds.read(feed) == ["rain", "sun"]


def test_a_feed_is_read_patiently(feed):
    assert feeds.read_patiently(feed) == ["rain", "sun"]


def test_a_feed_has_a_title(feed):
    assert feeds.title(feed) == "Daily"


def test_a_title_is_remembered(feed):
    titles = feeds.Titles()
    assert [titles.get(feed), titles.get(feed)] == ["Daily", "Daily"]


def test_what_was_seen_is_remembered(tmp_path):
    state.save(tmp_path / "seen", {"rain", "snow"})
    assert state.load(tmp_path / "seen") == {"rain", "snow"}


def test_only_what_is_new_is_told(feed, tmp_path):
    state.save(tmp_path / "seen", {"rain"})
    assert main.new_ones(feed, tmp_path / "seen") == ["sun"]
    assert main.new_ones(feed, tmp_path / "seen") == []


def test_a_mail_is_sent(mailer, mailbox):
    mailer.send("ann@example.org", "hello")
    assert "hello" in mailbox.mails[0]


def test_a_mail_is_sent_soon(mailer, mailbox):
    mailer.send_soon("ann@example.org", "hello").join()
    assert len(mailbox.mails) == 1


def test_the_command_line_mails_what_is_new(feed, mailbox, tmp_path, capsys):
    host, port = mailbox.server_address
    arguments = [feed, tmp_path / "seen", host, str(port), "ann@example.org"]
    assert main.main(arguments) == 0
    assert main.main(arguments) == 0
    assert capsys.readouterr().out == "2 new\n0 new\n"
    assert "rain" in mailbox.mails[0]
