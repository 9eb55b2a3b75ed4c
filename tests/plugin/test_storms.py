"""Storms: who calls again and again under a fault, and who only has more to compute."""

from __future__ import annotations

import pytest

SHOP = """
    import urllib.error, urllib.request

    def fetch(url):
        with urllib.request.urlopen(url, timeout=2) as found:
            return found.read()

    def word(text):
        return text.strip()

    def ask_other():
        try:
            return open("other.txt").read()
        except OSError:
            return ""

    def words(url):
        try:
            return [word(fetch(url).decode())]
        except urllib.error.URLError:
            return [FALLBACK for number in range(3000)]
"""
TEST = """
    import shop

    def test_words(tmp_path):
        file = tmp_path / "words.txt"
        file.write_text("mug")
        assert shop.words(file.as_uri())
"""


@pytest.mark.parametrize(
    ("fallback", "verdicts"),
    [("word('tea ')", []), ("ask_other()", ["storm"])],
    ids=["computes", "asks"],
)
def test_fallback_that_computes_more_is_no_storm(inner, fallback, verdicts):
    """Under a glob over the whole package each of its functions is watched."""
    inner.write("shop/__init__.py", SHOP.replace("FALLBACK", fallback))
    inner.write("tests/test_words.py", TEST)
    inner.write("pytest.ini", "[pytest]\npythonpath = .\n")
    done = inner.run("--chaos-target=shop.**:*", "--chaos-only=urllib*raise URLError all")

    assert list(dict.fromkeys(one["verdict"] for one in done.document["findings"])) == verdicts
