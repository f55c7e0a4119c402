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
