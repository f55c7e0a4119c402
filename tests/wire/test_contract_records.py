"""What is seen right after it happened: session records, metrics, status, the login cookie."""

from system import A, System, http_call


def test_a_dial_is_on_record_at_once_with_a_keyed_tag_for_its_number(shared: System) -> None:
    shared.subscriber(A, main="1.00")
    for count in range(1, 6):
        shared.screen(A, "*100#")
        items = shared.ok("GET", "/v1/ussd/records")["items"]
        assert len(items) == count
    assert items[0]["code"] == "*100#"
    assert items[0]["outcome"] == "answered"
    assert A not in str(items)


def test_the_cookie_of_a_login_opens_status_and_docs_and_no_call(shared: System) -> None:
    said = http_call(shared.http_port, "POST", "/login", {"key": "demo-key"})
    assert said.status == 200
    cookie = {"Cookie": said.headers["Set-Cookie"].split(";")[0]}
    for path, status in (("/status", 200), ("/docs", 200), ("/v1/catalogue", 401)):
        assert http_call(shared.http_port, "GET", path, None, cookie).status == status
        assert http_call(shared.http_port, "GET", path).status == 401
    forged = {"Cookie": cookie["Cookie"][:-2] + "00"}
    assert http_call(shared.http_port, "GET", "/status", None, forged).status == 401
    assert http_call(shared.http_port, "POST", "/login", {"key": "nope"}).status == 401


def test_other_figures_for_an_accrued_order_are_refused_logged_and_an_alarm(shared: System) -> None:
    """Scenario 16."""
    msisdn = "79164000001"
    shared.member(msisdn)
    shared.accrue(msisdn, "50", "alarm-1")
    assert shared.ok("GET", "/status")["alarms"] == []
    before = shared.postings(msisdn)
    for _ in range(2):
        refused = shared.shop("ozon", "alarm-1", "confirm", {"goods": "2000.00"})
        assert (refused.status, refused.body["code"]) == (409, "CONFLICT")
    assert shared.ok("GET", "/status")["alarms"] == ["order ozon:alarm-1 was told again with other figures"]
    assert "order_conflicted" in (shared.folder / "gateway.log").read_text()
    metrics = http_call(shared.http_port, "GET", "/metrics").body
    assert 'firstcharge_postback_rejected_total{reason="conflict"} 2.0' in metrics
    assert shared.postings(msisdn) == before
