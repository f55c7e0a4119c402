"""Rule 42: the operator's own charging system owns the main balance."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from hosted import Hosted, NotStarted
from said import FIRST, NINE, Starting
from system import OFF_NET, A, B, C

TRY_LATER = "Попробуйте позже. Деньги в порядке"


class Operator(ThreadingHTTPServer):
    """The operator's balance service: what it is told to answer, and what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = b'{"main":"123.45"}'
        self.status = 200
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/balances?of=prepaid"


class _Handler(BaseHTTPRequestHandler):
    server: Operator

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        assert query["of"] == ["prepaid"]
        self.server.asked += query["msisdn"]
        self.server.go_on.wait(10)
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def operator() -> Iterator[Operator]:
    service = Operator()
    thread = threading.Thread(target=service.serve_forever, args=(0.02,))
    thread.start()
    yield service
    service.go_on.set()
    service.shutdown()
    thread.join()
    service.server_close()


@pytest.fixture
def external(started: Starting, operator: Operator) -> Hosted:
    """A system whose main balance is somebody else's; A has cashback 50."""
    system = started(main_balance="external", main_balance_url=operator.url)
    system.member(A, tariff="smart")
    assert system.credit(A).status == 201
    system.forget(A)
    return system


@pytest.mark.rule(42)
@pytest.mark.switch("main_balance", "external")
def test_the_first_line_is_the_operators_and_is_left_out_when_it_does_not_say_it(
    external: Hosted, operator: Operator
) -> None:
    system = external
    assert system.screen(A, "*100#") == "Баланс:123,45р\nКэшбэк:50р"
    assert system.screen(A, "#100#") == "Balans:123,45r\nKeshbek:50r"
    assert operator.asked == [A, A]
    operator.body = b'{"main":"-5.00"}'
    assert system.screen(A, "*100#") == "Минус:5,00р\nКэшбэк:50р"
    system.subscriber(B)
    assert system.screen(B, "*100#") == "Минус:5,00р"
    system.subscriber(C, contract="corporate")
    assert system.screen(C, "*100#") == "Минус:5,00р"
    asked = len(operator.asked)
    for code in ("*100*1#", "*100*3#", "*100*4#", "*100*77#"):
        system.screen(A, code)
    system.subscriber(OFF_NET, network="off_net")
    system.screen(OFF_NET, "*100#")
    assert len(operator.asked) == asked
    for status, body in ((500, b'{"main":"1.00"}'), (200, b"garbage"), (200, b'{"main":1}'), (200, b" " * 100_000)):
        operator.status, operator.body = status, body
        assert system.screen(A, "*100#") == "Кэшбэк:50р"
    assert system.screen(B, "*100#") == TRY_LATER
    operator.status, operator.body = 200, json.dumps({"main": "7.00"}).encode()
    assert system.screen(A, "*100#").startswith("Баланс:7,00р")
    assert system.happened(A) == ([], [])


@pytest.mark.rule(42)
def test_a_silent_balance_service_keeps_nobody_beyond_the_soft_deadline(external: Hosted, operator: Operator) -> None:
    operator.go_on.clear()
    answer = external.dial(A, "*100#")
    assert (answer["text"], answer["failure"]) == ("Кэшбэк:50р", None)
    assert answer["elapsed_ms"] < 1900
    operator.go_on.set()
    assert external.told(A) == []


@pytest.mark.rule(42)
def test_a_charge_draws_cashback_only_and_says_what_the_caller_must_draw(external: Hosted) -> None:
    system = external
    fee = system.charge("c-1", A, "650.00", "tariff_fee").body
    assert (fee["cashback"], fee["main"], fee["unpaid"], fee["status"]) == ("50.00", "600.00", "0.00", "paid")
    assert fee["steps"] == [{"from": "cashback", "amount": "50.00"}, {"from": "main", "amount": "600.00"}]
    bill = "Счет 650 р: кэшбэк 50 р, основной счет 600 р."
    assert system.happened(A) == ([("cashback", "revenue", "50.00")], [bill])
    assert system.screen(A, "*100*3#") == bill
    refund = system.api("POST", "/v1/charges/c-1/refunds", {"refund_id": "r-1", "amount": "650.00"})
    assert refund.body == {"refund_id": "r-1", "unpaid": "0.00", "main": "600.00", "cashback": "50.00"}
    again = system.api("POST", "/v1/charges/c-1/refunds", {"refund_id": "r-1", "amount": "650.00"})
    assert (again.status, again.body) == (200, refund.body)
    over = system.api("POST", "/v1/charges/c-1/refunds", {"refund_id": "r-2", "amount": "0.01"})
    system.refused(over, 422, "EXCEEDS_CHARGE")
    assert system.happened(A) == ([("cashback", "revenue", "50.00"), ("revenue", "cashback", "50.00")], [bill])


@pytest.mark.rule(42)
def test_there_is_no_main_account_no_top_up_and_no_fee_of_the_month_job(external: Hosted) -> None:
    system = external
    topup = {"topup_id": "t-1", "msisdn": A, "amount": "1.00"}
    system.refused(system.api("POST", "/v1/topups", topup), 422, "NOT_ELIGIBLE")
    assert system.balance(A)["main"] is None
    held = system.api(
        "POST",
        "/v1/reservations",
        {"reservation_id": "h-1", "msisdn": A, "amount": "80.00", "type": "usage", "expires_in_s": 60},
    ).body
    assert (held["cashback"], held["main"]) == ("50.00", "30.00")
    done = system.ok("POST", "/v1/reservations/h-1/commit", {"amount": "60.00"})
    assert (done["cashback"], done["main"]) == ("50.00", "10.00")
    assert system.posted(A) == [("cashback", "revenue", "50.00")]
    system.promo(A, "30.00", "q-1")
    system.forget(A)
    system.clock_to(FIRST)
    system.clock_to(NINE)
    assert system.happened(A) == (
        [("bonus", "cashback", "30.00")],
        ["Кэшбэк 30 р зачислен на счет и тратится первым. *100*1#"],
    )
    assert system.ok("GET", "/v1/month-runs/2025-04")["charged"]["count"] == 0
    assert not any("main" in one for one in system.movements(A))


@pytest.mark.rule(42)
def test_no_charge_is_ever_short_of_money_where_main_is_somebody_elses(started: Starting, operator: Operator) -> None:
    system = started(main_balance="external", main_balance_url=operator.url, part_payment="false")
    system.member(A)
    drawn = system.charge("c-1", A, "99999.00").body
    assert (drawn["cashback"], drawn["main"], drawn["unpaid"]) == ("0.00", "99999.00", "0.00")


@pytest.mark.rule(42)
@pytest.mark.switch("main_balance", "internal")
def test_internal_is_the_default_and_the_month_job_draws_the_fee(system: Hosted) -> None:
    system.member(A, tariff="smart", main="650.00")
    assert system.screen(A, "*100#") == "Баланс:650,00р\nКэшбэк:0р"
    system.clock_to(FIRST)
    assert system.posted(A)[1:] == [("cashback", "revenue", "50.00"), ("main", "revenue", "600.00")]


@pytest.mark.rule(42)
def test_external_without_an_address_does_not_start(started: Callable[..., Hosted]) -> None:
    with pytest.raises(NotStarted, match="main_balance_url"):
        started(main_balance="external")
