"""What a contract promises of answers, in whole runs: in the table, in the marker and by ``chaos.expect``."""

from __future__ import annotations

import json

import pytest

APP = """
    import json, httpx

    def fetch():
        return "1"

    def answer(environ, start_response):
        try:
            status, body = "200 OK", {"stock": fetch()}
        except TimeoutError:
            status, body = "504 Gateway Timeout", {"code": "slow", "message": "ask again"}
        except OSError:
            status, body = "500 Internal Server Error", {"detail": "down"}
        start_response(status, [("content-type", "application/json")])
        return [json.dumps(body).encode()]

    def client():
        return httpx.Client(transport=httpx.WSGITransport(answer), base_url="http://shop")
"""
WAYS = {
    "table": ("contract = {%s}", "pass", ""),
    "marker": ("", "pass", "@pytest.mark.chaos_contract(**KEYS)"),
    "fixture": ("", "chaos.expect(**KEYS)", ""),
}


def run(pytester: pytest.Pytester, keys: str, way: str, fault: str = "ConnectionError") -> list[tuple[str, str]]:
    """Return oracle and kind of what fails, of one fault test under these keys, which are written as TOML."""
    in_table, line, marker = WAYS[way]
    told = in_table % keys if in_table else ""
    pytester.makefile(
        ".toml", pyproject=f"[tool.pytest.ini_options]\npythonpath = ['.']\n[tool.pytest_chaos]\n{told}\n"
    )
    pytester.makepyfile(shop=APP)
    pytester.makepyfile(
        f"""
        import tomllib, pytest, shop
        from pytest_chaos import Raise

        KEYS = tomllib.loads('''keys = {{{keys}}}''')["keys"]

        {marker or "# without a marker"}
        @pytest.mark.chaos("shop:fetch", Raise({fault}))
        def test_it(chaos):
            {line}
            with shop.client() as client:
                client.get("/")
        """
    )
    result = pytester.runpytest_subprocess("-p", "chaos", "--chaos", "--chaos-report=r.json", "-q")
    assert result.ret in (0, 1), result.outlines
    (record,) = json.loads((pytester.path / "r.json").read_text())["results"]
    assert record["fails"] is bool(result.ret)
    return [(one["oracle"], one["kind"]) for one in record["evidence"]] if record["fails"] else []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("table = {OSError = 503}", [("error codes", "table")]),
        ("table = {OSError = 500, ConnectionError = 503}", [("error codes", "table")]),
        ("body = {code = 'str', message = 'str'}", [("bodies", "body")]),
        ("deadline_s = 0.000001", [("deadline", "late")]),
        ("table = {OSError = 500}, body = ['detail'], deadline_s = 60, status = [200, '5xx']", []),
    ],
)
def test_each_key_acts_in_table_marker_and_fixture(
    pytester: pytest.Pytester, keys: str, found: list[tuple[str, str]], way: str
) -> None:
    assert run(pytester, keys, way) == found


def test_answer_that_keeps_every_promise_passes(pytester: pytest.Pytester) -> None:
    keys = "table = {TimeoutError = 504, OSError = 503}, body = {code = 'str', message = 'str'}, deadline_s = 60"

    assert run(pytester, keys, "marker", "TimeoutError") == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("status = [600]", "contract status: 600 is not a status code"),
        ("status = [200], table = {OSError = 503}", "contract table: OSError is to be answered 503, which status does"),
        ("table = {'shop:Nothing' = 503}", "contract table: "),
        ("body = {code = 'string'}", "contract body: field 'code': 'string' is not a type"),
    ],
)
def test_bad_contract_is_a_usage_error_with_its_place(pytester: pytest.Pytester, keys: str, words: str) -> None:
    pytester.makepyfile(shop=APP)
    marked = """
        import tomllib, pytest

        @pytest.mark.chaos_contract(**tomllib.loads('''keys = {%s}''')["keys"])
        @pytest.mark.chaos("shop:fetch = raise(OSError)")
        def test_it():
            pass
    """
    head = "[tool.pytest.ini_options]\npythonpath = ['.']\n"
    pytester.makefile(".toml", pyproject=head)
    pytester.makepyfile(marked % keys)
    by_marker = pytester.runpytest_subprocess("-p", "chaos", "--chaos")
    pytester.makefile(".toml", pyproject=f"{head}[tool.pytest_chaos]\ncontract = {{{keys}}}\n")
    pytester.makepyfile(marked % "")
    by_table = pytester.runpytest_subprocess("-p", "chaos", "--chaos")

    assert [int(by_marker.ret), int(by_table.ret)] == [4, 4]
    by_marker.stderr.fnmatch_lines(f"*test_bad_contract*.py:*: {words}*".replace("[", "[[]"))
    by_table.stderr.fnmatch_lines(f"*pyproject.toml, contract: {words}*".replace("[", "[[]"))


SALE = """
    import httpx, json

    def charge(key):
        return "receipt"

    def advise():
        return ["tea"]

    def book():
        return 1

    def answer(environ, start_response):
        try:
            handle()
            status = "200 OK"
        except OSError:
            status = "503 Service Unavailable"
        start_response(status, [("content-type", "application/json")])
        return [b"{}"]

    def client():
        return httpx.Client(transport=httpx.WSGITransport(answer), base_url="http://shop")
"""
TRIES_AGAIN = """
    def handle():
        try:
            charge("k")
        except OSError:
            charge("k")
"""
LOOKS_FIRST = """
    def handle():
        try:
            charge("k")
        except OSError:
            pass  # it has happened
"""
ADVICE_FIRST = """
    def handle():
        advise()
        book()
"""
ADVICE_LAST = """
    def handle():
        book()
        try:
            advise()
        except OSError:
            pass
"""
WITHOUT_CORE = """
    def handle():
        try:
            advise()
            book()
        except OSError:
            pass
"""


@pytest.mark.parametrize("way", ["table", "marker"])
@pytest.mark.parametrize(
    ("handler", "target", "fault", "keys", "found"),
    [
        (TRIES_AGAIN, "shop:charge", "lose-reply(OSError)", "effects = ['shop:charge']", {"doubled"}),
        (LOOKS_FIRST, "shop:charge", "lose-reply(OSError)", "effects = ['shop:charge']", set()),
        (TRIES_AGAIN, "shop:charge", "#1raise(OSError)", "effects = ['shop:charge']", set()),
        (ADVICE_FIRST, "shop:advise", "raise(OSError)", "optional = ['shop:advise']", {"optional"}),
        (ADVICE_LAST, "shop:advise", "raise(OSError)", "optional = ['shop:advise'], core = ['shop:book']", set()),
        (WITHOUT_CORE, "shop:advise", "raise(OSError)", "optional = ['shop:advise'], core = ['shop:book']", {"core"}),
    ],
)
def test_explored_tests_keep_effects_and_core(
    pytester: pytest.Pytester, handler: str, target: str, fault: str, keys: str, found: set[str], way: str
) -> None:
    in_table = f"contract = {{{keys}}}" if way == "table" else ""
    head = "[tool.pytest.ini_options]\npythonpath = ['.']\n[tool.pytest_chaos]\n"
    pytester.makefile(".toml", pyproject=f"{head}{in_table}\n")
    pytester.makepyfile(shop=SALE + handler)
    mark = "@pytest.mark.chaos_contract(**KEYS)" if way == "marker" else "# by the table"
    pytester.makepyfile(
        f"""
        import tomllib, pytest, shop
        KEYS = tomllib.loads('''keys = {{{keys}}}''')["keys"]

        {mark}
        def test_it():
            with shop.client() as client:
                client.get("/")
        """
    )
    args = ("-p", "chaos", "--chaos", f"--chaos-rule={target} = {fault}", "--chaos-report=r.json", "-q")
    pytester.runpytest_subprocess(*args)

    results = json.loads((pytester.path / "r.json").read_text())["results"]
    kinds = {one["kind"] for record in results for one in record["evidence"] if record["fails"]}
    assert (any(record["activations"] for record in results), kinds & {"doubled", "optional", "core"}) == (True, found)
