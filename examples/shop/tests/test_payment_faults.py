"""What a sale makes of a payment service that fails, hangs or talks nonsense."""

import httpx
import pytest
from pytest_chaos import Delay, Hang, Null, Raise, Return

# Exactly what POST /checkout and GET /health document.
pytestmark = pytest.mark.chaos_contract(status=[200, 201, 400, 402, 404, 409, 502, 503, 504])

CHARGE = "shop.payments:post_charge"  # the shop's end of the wire
AUTHORISE = "shop.payment_service:authorise"  # the other end, inside the payment service


def code(answer):
    """Return status and code of an error answer that has the documented shape, and only that."""
    assert answer.headers["content-type"] == "application/json", answer.text
    body = answer.json()
    assert body.keys() == {"code", "message", "timestamp"}
    return answer.status_code, body["code"]


@pytest.mark.chaos(AUTHORISE, Hang(), nth=1)
def test_a_bank_that_never_answers_costs_one_timeout(buy):
    """The first attempt is given up, the second one books the same charge."""
    assert buy().status_code == 201


@pytest.mark.chaos(AUTHORISE, Return({}))
def test_an_answer_without_a_payment_id_is_a_bad_gateway(buy):
    """What cannot be booked is refused as 502."""
    assert code(buy()) == (502, "payment_garbled")


@pytest.mark.chaos(AUTHORISE, Null)
def test_an_empty_answer_never_sells(buy):
    """JSON's null is an answer too. (`null["payment_id"]` must not reach the customer.)"""
    assert code(buy()) == (502, "payment_garbled")


def test_the_breaker_closes_after_an_outage(client, buy, chaos):
    """While the bank is away sales are refused, at last without asking; afterwards they go on."""
    with chaos.inject(CHARGE, Raise(ConnectionError)) as outage:
        assert [code(buy()) for _ in range(3)] == [(503, "payment_unavailable")] * 3
        assert outage.fired < 9  # three customers with three attempts each, had the breaker not opened
        assert client.get("/health").json() == {"payments": "open"}

    chaos.recovers(lambda: buy().status_code == 201, within=1.0)


def test_goods_of_a_failed_sale_go_back_on_the_shelf(buy, chaos):
    """There is one lamp. A payment that failed must not cost us the chance to sell it."""
    with chaos.inject(CHARGE, Raise(ConnectionError), times=3):
        assert buy("lamp").status_code == 503

    chaos.recovers(lambda: buy("lamp").status_code == 201, within=0.5)


@pytest.mark.chaos(CHARGE, Raise(ConnectionError), times=2)
def test_two_lost_connections_are_survived(buy):
    """The third attempt sells."""
    assert buy().status_code == 201


@pytest.mark.chaos(CHARGE, Raise(ConnectionError), every=2)
def test_every_other_attempt_may_fail(buy):
    """No two failures in a row, so no customer sees any."""
    assert [buy().status_code for _ in range(4)] == [201] * 4


@pytest.mark.chaos(CHARGE, Raise(ConnectionError), rate=0.3)
def test_a_flaky_line_keeps_the_shop_open(buy):
    """With three attempts most of twenty customers are served; the contract judges the others."""
    answers = [buy().status_code for _ in range(20)]

    assert answers.count(201) > 10


@pytest.mark.chaos(CHARGE, Raise(httpx.ReadTimeout, "no answer in time"))
def test_a_bank_that_is_always_late_is_a_gateway_timeout(buy):
    """Late on every attempt is 504, told apart from being away."""
    assert code(buy()) == (504, "payment_timeout")


@pytest.mark.chaos(AUTHORISE, Delay(0.01))
def test_a_slow_bank_still_sells(buy):
    """Slow, but within the timeout."""
    assert buy().status_code == 201


@pytest.mark.chaos(AUTHORISE, Raise(RuntimeError, "ledger is corrupt"))
def test_a_broken_bank_does_not_break_the_shop(buy):
    """The payment service's own 500 is our 503."""
    assert code(buy()) == (503, "payment_unavailable")


@pytest.fixture
def bank_closes_early(chaos):
    """The payment service serves one customer and is gone."""
    with chaos.inject(CHARGE, Raise(ConnectionError), after=1) as outage:
        yield outage


def test_only_customers_after_the_outage_began_are_refused(buy, bank_closes_early):
    """The sale before it stands."""
    assert [buy().status_code for _ in range(2)] == [201, 503]
    assert bank_closes_early.fired == 3


@pytest.fixture
def payments(payment_url):
    """The payment client alone, without a gateway around it."""
    from shop.payments import Payments

    payments = Payments(payment_url)
    yield payments
    payments.close()


@pytest.mark.chaos(CHARGE, Raise(ConnectionResetError))
@pytest.mark.chaos_contract(errors=["shop.errors:PaymentUnavailable"])
def test_a_lost_line_has_a_name_of_ours(payments):
    """Callers of the client see the shop's error, with the network's one as its cause."""
    from shop.errors import PaymentUnavailable

    with pytest.raises(PaymentUnavailable) as refusal:
        payments.charge("key-1", 450, "card-good")

    assert isinstance(refusal.value.__cause__, ConnectionResetError)
