"""Breakers of pybreaker and circuitbreaker under exploration: they close between scenarios, or are found stuck."""

from __future__ import annotations

import pytest

TEST = """
    import shop

    def test_it():
        answers = [shop.checkout() for _ in range(3)]
        shop.tell()
        assert answers == ["receipt"] * 3
"""
SHOP = """
    import logging
    {library}

    log = logging.getLogger(__name__)

    def charge():
        return "receipt"

    def send():
        return True

    def tell():
        try:
            send()
        except ConnectionError:
            log.warning("not told")

    {breaker}

    def checkout():
        {check}
        try:
            return guarded()
        except ({error}, ConnectionError):
            log.warning("no payment")
            return "later"
"""
PYBREAKER = {
    "library": "import pybreaker",
    "breaker": "breaker = pybreaker.CircuitBreaker(fail_max=2, reset_timeout=3600)\n    guarded = breaker(charge)",
    "error": "pybreaker.CircuitBreakerError",
}
CIRCUITBREAKER = {
    "library": "import circuitbreaker",
    "breaker": "breaker = circuitbreaker.CircuitBreaker(2, 3600)\n    guarded = breaker(charge)",
    "error": "circuitbreaker.CircuitBreakerError",
}
# It asks the breaker before it calls; only a call would have been a trial.
STUCK_PYBREAKER = 'if breaker.current_state == "open": return "later"'
STUCK_CIRCUITBREAKER = 'if breaker.failure_count >= 2: return "later"'
CHARGE = "test_it[chaos: shop:charge raise ConnectionError all]"
SEND = "test_it[chaos: shop:send raise ConnectionError all]"
LATER = "test_it[chaos: shop:charge raise ConnectionError all (2)]"
RECOVERY = "test_it[chaos: recovery]"


def explored(inner, library, check):
    inner.write("shop.py", SHOP.format(**library, check=check))
    inner.write("test_it.py", TEST)
    return inner.run_apart(
        *("--chaos-target=shop:charge", "--chaos-target=shop:send"),
        *("--chaos-fault=raise(ConnectionError)", "--chaos-fault=raise(ConnectionError, 'again')"),
    )


@pytest.mark.parametrize("library", [PYBREAKER, CIRCUITBREAKER], ids=["pybreaker", "circuitbreaker"])
def test_a_breaker_that_an_outage_has_opened_leaves_no_scenario_out(inner, library):
    """It would stay open for an hour; each scenario meets it closed, and the test is what it was in the end."""
    pytest.importorskip(library["library"].removeprefix("import "))
    done = explored(inner, library, "")

    assert {name: verdict for name, verdict in done.scenarios.items() if name in (CHARGE, LATER, RECOVERY)} == {
        CHARGE: "changed",
        LATER: "changed",
        RECOVERY: "resilient",
    }
    assert {result["activations"] for result in done.by_id.values() if "charge" in result["scenario"]} >= {2}
    assert (done.scenarios[SEND], done.code) == ("resilient", 0)
    assert not [line for line in done.totals if line.startswith("left out")]


@pytest.mark.parametrize(
    ("library", "check"),
    [
        pytest.param(PYBREAKER, STUCK_PYBREAKER, id="pybreaker"),
        pytest.param(CIRCUITBREAKER, STUCK_CIRCUITBREAKER, id="circuitbreaker"),
    ],
)
def test_a_breaker_that_never_closes_is_found(inner, library, check):
    """Its state is its own affair: after the open time it is given calls, and makes nothing of them."""
    pytest.importorskip(library["library"].removeprefix("import "))
    done = explored(inner, library, check)

    assert (done.scenarios[RECOVERY], done.code) == ("not recovered", 1)
    (text,) = [one["text"] for one in done.by_id[RECOVERY]["evidence"] if one["kind"] == "fails"]
    assert "after shop:charge raise ConnectionError all, with all faults lifted, the test fails with" in text
