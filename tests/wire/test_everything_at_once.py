"""Two hundred subscribers dial while two thousand charges run: every answer right, the ledger exact."""

import re
from concurrent.futures import ThreadPoolExecutor

from system import System

SUBSCRIBERS = [f"7916100{number:04d}" for number in range(200)]
CHARGES_EACH = 10


def test_dials_during_charges_are_answered_and_right(system: System) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda msisdn: system.member(msisdn, main="100.00"), SUBSCRIBERS))
        list(pool.map(lambda msisdn: system.promo(msisdn, "50.00", f"q-{msisdn}"), SUBSCRIBERS))
    system.clock_to("2025-04-01T09:00:00+03:00")
    assert system.sums(SUBSCRIBERS[0]) == ("0.00", "100.00", "100.00")

    def charge(number: int) -> tuple[str, str]:
        msisdn = SUBSCRIBERS[number % len(SUBSCRIBERS)]
        answer = system.charge(f"c-{number}", msisdn, "1.00")
        assert answer.status == 201, answer
        return answer.body["cashback"], answer.body["main"]

    with ThreadPoolExecutor(200) as dialling, ThreadPoolExecutor(16) as charging:
        charges = [charging.submit(charge, number) for number in range(CHARGES_EACH * len(SUBSCRIBERS))]
        screens = list(dialling.map(lambda msisdn: system.dial(msisdn, "*100#"), SUBSCRIBERS))
        assert {one.result() for one in charges} == {("1.00", "0.00")}
    for screen in screens:
        assert screen["failure"] is None, screen
        match = re.fullmatch(r"Баланс:100,00р\nКэшбэк:(\d+)р", screen["text"])
        assert match, screen
        assert 100 - CHARGES_EACH <= int(match.group(1)) <= 100
    assert {system.sums(msisdn) for msisdn in SUBSCRIBERS[::20]} == {("0.00", "90.00", "100.00")}
    system.verify()
