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


@pytest.mark.parametrize(("timeout", "found"), [("3.0", {"late"}), ("0.5", set())])
def test_limit_of_a_timeout_that_was_raised_at_once_counts_for_the_deadline(
    pytester: pytest.Pytester, timeout: str, found: set[str]
) -> None:
    head = "[tool.pytest.ini_options]\npythonpath = ['.']\n"
    pytester.makefile(".toml", pyproject=f"{head}[tool.pytest_chaos]\ncontract = {{deadline_s = 2}}\n")
    pytester.makepyfile(
        shop=f"""
        import httpx

        def price():
            transport = httpx.MockTransport(lambda request: httpx.Response(200, json=450))
            with httpx.Client(transport=transport, timeout={timeout}) as client:
                try:
                    return client.get("http://bank.example/price").json()
                except httpx.HTTPError:
                    return None
        """
    )
    pytester.makepyfile("import shop\n\ndef test_it():\n    assert shop.price() in (450, None)\n")
    args = ("-p", "chaos", "--chaos", "--chaos-target=httpx", "--chaos-report=r.json", "-q")
    pytester.runpytest_subprocess(*args)

    results = json.loads((pytester.path / "r.json").read_text())["results"]
    late = {
        fired["fault"]
        for one in results
        for fired in one["fired"]
        if "late" in [each["kind"] for each in one["evidence"]]
    }
    assert {fired["fault"] for one in results for fired in one["fired"]} >= {"raise(httpx:ReadTimeout)"}
    assert late == ({"raise(httpx:ReadTimeout)"} if found else set())


CHECKED = """
    import shop

    def test_stock():
        with shop.client() as client:
            assert client.get("/").json()

    def test_nothing():
        assert shop.answer
"""


@pytest.mark.parametrize("options", [(), ("-n", "2", "-p", "xdist")], ids=["alone", "on two workers"])
def test_proposed_contract_is_kept_by_the_same_run_but_for_what_it_does_not_promise(inner, options):
    inner.write("shop.py", APP)
    inner.write("tests/test_shop.py", CHECKED)
    inner.write("pytest.ini", "[pytest]\npythonpath = .\n")
    asked = [f"--chaos-rule=shop:fetch = raise({error})" for error in ("TimeoutError", "ConnectionError")]
    first = inner.run_apart(*asked, *options, "--chaos-write-contract=contract.toml")
    text = (inner.path / "contract.toml").read_text()
    inner.write("pyproject.toml", text)
    again = inner.run_apart(*asked, *options)

    assert "status = [200, 504]" in text
    assert "# not promised: 500, in 1 run, such as of tests/test_shop.py::test_stock under shop:fetch = raise" in text
    assert 'table = { "TimeoutError" = 504 }' in text
    assert not [one for one in first.document["findings"] if one["fails"]]
    failing = [one for one in again.document["findings"] if one["fails"]]
    assert {one["kind"] for one in failing} == {"status", "body"}
    assert all("was answered 500" in one["text"] for one in failing)
    assert "shown" not in json.dumps(first.document)


def test_contract_that_cannot_be_written_is_a_usage_error(inner):
    inner.write("test_it.py", "def test_it(): pass\n")
    done = inner.run("--chaos-write-contract=no/such.toml", report=False)

    assert done.code == 4
    assert any("--chaos-write-contract: cannot write 'no/such.toml'" in line for line in done.result.errlines)


GRPC = """
    import concurrent.futures, contextlib, grpc

    def stock():
        return b"3"

    def answer(request, context):
        try:
            return stock()
        except ConnectionError:
            context.abort(grpc.StatusCode.CODE, "come back later")

    class Handlers(grpc.GenericRpcHandler):
        def service(self, details):
            return grpc.unary_unary_rpc_method_handler(answer)

    @contextlib.contextmanager
    def channel():
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(1), handlers=[Handlers()])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
        server.stop(None).wait()
"""
CALLING = """
    import grpc, pytest, shop

    @pytest.fixture(scope="session")
    def channel():
        with shop.channel() as channel:
            yield channel

    @pytest.mark.chaos_contract(grpc_codes=["OK", "UNAVAILABLE"])
    def test_stock(channel):
        try:
            assert channel.unary_unary("/shop.Stock/Get")(b"mug") == b"3"
        except grpc.RpcError:
            pass
"""


@pytest.mark.parametrize(("code", "fails"), [("INTERNAL", True), ("UNAVAILABLE", False)])
def test_codes_of_remote_calls_are_judged(inner, code, fails):
    pytest.importorskip("grpc")
    inner.write("shop.py", GRPC.replace("CODE", code))
    inner.write("tests/test_stock.py", CALLING)
    inner.write("pytest.ini", "[pytest]\npythonpath = .\n")
    done = inner.run_apart("--chaos-rule=shop:stock = raise(ConnectionError)")

    found = [(one["kind"], one["title"]) for one in done.document["findings"] if one["fails"]]
    title = "call /shop.Stock/Get ends with INTERNAL when shop:stock fails"
    assert found == ([("grpc-code", title)] if fails else [])
    assert all(one["answers"] == 1 for one in done.document["results"] if one["kind"] == "explored")


COMMAND = """
    import click, shop

    @click.command()
    def sync():
        try:
            shop.fetch()
        except ConnectionError:
            raise SystemExit(CODE)
"""
RUNNING = """
    import app, pytest
    from click.testing import CliRunner

    @pytest.mark.chaos_contract(exit_codes=[0, 75])
    def test_sync():
        assert CliRunner().invoke(app.sync)
"""


@pytest.mark.parametrize(("code", "fails"), [(1, True), (75, False)])
def test_exit_codes_of_commands_are_judged(inner, code, fails):
    pytest.importorskip("click")
    inner.write("shop.py", "def fetch(): return 1\n")
    inner.write("app.py", COMMAND.replace("CODE", str(code)))
    inner.write("tests/test_app.py", RUNNING)
    inner.write("pytest.ini", "[pytest]\npythonpath = .\n")
    done = inner.run_apart("--chaos-rule=shop:fetch = raise(ConnectionError)")

    found = [(one["kind"], one["title"]) for one in done.document["findings"] if one["fails"]]
    assert found == ([("exit-code", f"run sync ends with exit code {code} when shop:fetch fails")] if fails else [])
