"""What only the first run of a process does: calls that are remembered, and modules that a test imports."""

from __future__ import annotations

import pytest

LATE = "--chaos-fault=raise(TimeoutError)"
TEST = """
    import shop

    def test_it():
        assert shop.checkout() == "receipt"
"""
RECOVERY = "test_it[chaos: recovery]"


def evidence(done, name: str) -> str:
    return "\n".join(one["text"] for one in done.by_id[name]["evidence"])


def remembering(handler: str) -> str:
    return f"""
    import bank

    rates = {{}}

    def price():
        if "EUR" not in rates:
            try:
                rates["EUR"] = bank.rate()
            except ConnectionError:
                {handler}
        return rates["EUR"]

    def checkout():
        try:
            return "receipt" if price() else "no price"
        except KeyError:
            return "no price"
    """


COLD = "test_it[chaos: bank:rate raise ConnectionError all]"


@pytest.mark.parametrize(
    ("handler", "verdict", "code"),
    [pytest.param('rates["EUR"] = None', "not recovered", 1, id="for ever"), pytest.param("pass", "lost", 0, id="not")],
)
def test_a_failure_that_is_remembered_for_ever_is_found_where_the_fault_comes_first(inner, handler, verdict, code):
    """In this process the plain run has filled the cache; a fresh one meets the fault, and is run again without."""
    inner.write("bank.py", "def rate():\n    return 2\n")
    inner.write("shop.py", remembering(handler))
    inner.write("test_it.py", TEST)
    done = inner.run_apart("--chaos-target=bank:rate", "--chaos-fault=raise(ConnectionError)")

    assert (done.scenarios, done.code) == ({COLD: verdict, RECOVERY: "resilient"}, code)
    (rule,) = done.by_id[COLD]["rules"]
    assert (rule["activations"], rule["source"], done.by_id[COLD]["label"]) == (
        1,
        "exploration",
        "bank:rate raise ConnectionError all",
    )
    assert "only the first run in a process calls bank:rate" in evidence(done, COLD)
    (line,) = [line for line in done.totals if line.startswith("explored")]
    assert ("cold run" in line, "fresh process" in line) == (True, False)
    if not code:
        return
    told = "after bank:rate raise ConnectionError all, with all faults lifted, the test fails with AssertionError"
    assert told in evidence(done, COLD)
    assert "; in the plain run it did not" in evidence(done, COLD)
    again = inner.again(done.replay)
    assert (again.scenarios[COLD], again.code) == (verdict, 1)


def test_a_cold_run_is_compared_with_the_plain_run(inner):
    """What leaks anyway is not the fault's there either, and swallowing is seen by what did not follow."""
    inner.write(
        "shop.py",
        """
        import functools
        import threading

        kept = []

        def charge():
            return "receipt"

        def tell():
            pass

        def leave():
            kept.append(threading.Lock())
            kept[-1].acquire()

        @functools.cache
        def paid():
            leave()
            try:
                charge()
                tell()
            except TimeoutError:
                return "receipt"
            return "receipt"

        def checkout():
            return paid()
        """,
    )
    inner.write("test_it.py", TEST)
    done = inner.run_apart("--chaos-target=shop:charge", LATE)

    name = "test_it[chaos: shop:charge raise TimeoutError all]"
    assert (done.scenarios[name], done.code) == ("resilient", 0)
    assert "pre-existing: " in evidence(done, name)


def test_a_cold_run_takes_a_rule_by_its_text(inner):
    """A rule of the user's, too; what it does not reach there either is as inconclusive as here."""
    inner.write("bank.py", "def rate():\n    return 2\n")
    inner.write("shop.py", remembering('rates["EUR"] = None'))
    inner.write("test_it.py", TEST)
    done = inner.run_apart("--chaos-rule=bank:rate = raise(ConnectionError)", "--chaos-rule=bank:rate = #2 hang")

    verdicts = {name.partition("chaos: ")[2]: verdict for name, verdict in done.scenarios.items()}
    assert verdicts["bank:rate raise ConnectionError]"] == "not recovered"
    assert verdicts["bank:rate #2 hang]"] == "inconclusive"
    sources = {result["rules"][0]["source"] for result in done.document["results"] if result["rules"]}
    assert sources == {"--chaos-rule number 1", "--chaos-rule number 2"}


def test_a_call_is_remembered_while_another_line_calls_the_same_function_each_time(inner):
    """The rule of the second line begins at the second call; later runs make one only, by the first line."""
    inner.write("bank.py", "def rate():\n    return 2\n")
    shop = remembering('rates["EUR"] = None').replace("if price()", "if look() and price()")
    inner.write("shop.py", f"{shop}\n    def look():\n        return bank.rate()\n")
    inner.write("test_it.py", TEST)
    done = inner.run_apart("--chaos-target=bank:rate", "--chaos-fault=raise(ConnectionError)")

    verdicts = {result["scenario"]: result["verdict"] for result in done.by_id.values() if result["scenario"]}
    assert verdicts["bank:rate = #2.. raise(ConnectionError)"] == "not recovered"
    assert verdicts["bank:rate = raise(ConnectionError)"] == "escaped"


def test_a_cold_run_is_judged_by_the_contract_of_the_suite(inner):
    """A declared error is no wrong one there either."""
    inner.write(
        "pyproject.toml",
        """
        [tool.pytest_chaos.suites.sale]
        targets = ["bank:rate"]
        faults = ["raise(ConnectionError)"]
        contract = {errors = ["LookupError"]}
        """,
    )
    inner.write("bank.py", "def rate():\n    return 2\n")
    inner.write("shop.py", remembering('raise LookupError("no rate")'))
    inner.write("test_it.py", TEST)
    done = inner.run_apart("--chaos-suite=sale")

    assert (done.scenarios, done.code) == ({COLD: "escaped", RECOVERY: "resilient"}, 0)


def test_a_budget_that_is_used_up_begins_no_fresh_process(inner):
    """What was left out is said, as of any scenario."""
    inner.write("bank.py", "def rate():\n    return 2\n")
    inner.write("shop.py", remembering('rates["EUR"] = None'))
    inner.write("test_it.py", TEST)
    done = inner.run_apart(
        "--chaos-target=bank:rate", "--chaos-fault=raise(ConnectionError)", "--chaos-fault=null", "--chaos-budget=1ms"
    )

    section = "\n".join(done.section("chaos"))
    assert ("cold" in section, done.code) == (False, 0)
    assert "left out 2: the budget was used up (2)" in section


@pytest.mark.parametrize(
    ("target", "first"),
    [
        pytest.param("shop.**:*", "", id="by a glob"),
        pytest.param("shop.bank:rate", "bank.rate()", id="called by the import too"),
    ],
)
def test_a_module_that_the_test_imports_hides_nothing(inner, target, first):
    """A fresh process knows it after the first run, too, and what only the import calls is no trouble."""
    inner.write("shop/__init__.py", "")
    inner.write("shop/bank.py", "def rate():\n    return 2\n")
    inner.write(
        "shop/service.py",
        f"""
        from shop import bank

        {first}
        busy = []

        def price():
            if busy:
                return None
            busy.append(1)
            value = bank.rate()
            busy.clear()
            return value * 3
        """,
    )
    inner.write("shop/app.py", "def price():\n    from shop import service\n    return service.price()\n")
    inner.write("test_it.py", "from shop import app\n\ndef test_it():\n    assert app.price() == 6\n")
    done = inner.run_apart(f"--chaos-target={target}", LATE, "--chaos-only=*bank*")

    assert (done.scenarios[RECOVERY], done.code) == ("not recovered", 1)
    assert "after shop.bank:rate raise TimeoutError all" in evidence(done, RECOVERY)
