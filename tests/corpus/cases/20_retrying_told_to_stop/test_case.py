import contextlib

import app


def test_a_file_is_fetched_unless_the_process_is_told_to_stop():
    with contextlib.suppress(SystemExit):
        assert app.fetch("orders") == "contents of orders"
