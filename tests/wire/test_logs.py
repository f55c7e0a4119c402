"""G10: after everything a subscriber can do, no log names a number, a secret or a text."""

import time

from system import A, C, System

SECRETS = ("demo-key", "secret1", "demo-secret", "Начислено")


def test_no_number_no_secret_and_no_text_stands_in_any_log(system: System) -> None:
    system.member(A, tariff="smart", main="800.00")
    system.member(C, contract="corporate")
    system.accrue(A, "100.00", "o-1")
    system.shop("ozon", "o-1", "confirm", {"goods": "9000.00"})
    for code in ("*100#", "*100*2#", f"*100*{A}#", "*100*9#"):
        system.dial(A, code)
    system.sim("PUT", "/sim/faults", {"link": "down"})
    system.sim("DELETE", "/sim/faults")
    system.api("GET", f"/v1/subscribers/{A}/nonsense")
    system.api("POST", "/v1/charges", {"charge_id": "c", "msisdn": A, "type": "usage", "amount": "-1"})
    system.clock_to("2025-04-01T09:00:00+03:00")
    assert len(system.inbox(A)) == 4
    system.stop()
    logs = {log.name: log.read_text() for log in system.folder.glob("*.log")}
    assert "gateway_ready" in logs["gateway.log"]
    for name, text in logs.items():
        for number in (A, C, A[1:], C[1:]):
            assert number not in text, name
        for secret in SECRETS:
            assert secret not in text, (name, secret)


def test_session_records_carry_a_tag_and_never_the_number(system: System) -> None:
    system.subscriber(A)
    system.dial(A, "*100#")
    system.dial(A, f"*100*{A}#")
    end = time.monotonic() + 10
    while len(records := system.ok("GET", "/v1/ussd/records")["items"]) < 2:  # written off the dial's path
        assert time.monotonic() < end
        time.sleep(0.05)
    assert {record["msisdn"] for record in records} == {records[0]["msisdn"]}
    assert records[0]["msisdn"].startswith("m:")
    assert A not in str(records)
