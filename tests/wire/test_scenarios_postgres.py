"""A handful of scenarios with gateway and simulator as processes of their own, on PostgreSQL.

All of them run on PostgreSQL in tests/contract, where both share a process.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from system import A, B, System


@pytest.fixture
def on_postgres(started: Callable[..., System], fresh_postgres: str) -> System:
    """The demo's system on an empty PostgreSQL database."""
    return started(extra=("--database", fresh_postgres))


def test_23_joining_earning_the_first_and_leaving_on_postgresql(on_postgres: System) -> None:
    """Scenarios 01, 04, 07, 16, 23, 44, 50."""
    system = on_postgres
    system.subscriber(A, tariff="smart", main="800.00")
    with ThreadPoolExecutor(2) as pool:
        joined = [one.result() for one in [pool.submit(system.join, A) for _ in range(2)]]
    assert sorted(one.status for one in joined) == [201, 409]
    system.paid("ozon", A, "o-1", "2000.00", delivery="300.00")
    with ThreadPoolExecutor(2) as pool:
        both = [one.result() for one in [pool.submit(system.shop, "ozon", "o-1", "confirm") for _ in range(2)]]
    assert both[0].body == both[1].body
    assert len(system.inbox(A)) == 2
    system.clear(A)
    system.clock_to("2025-04-01T00:00:00+03:00")
    assert system.postings(A)[-3:] == [
        ("bonus", "cashback", "150.00"),
        ("cashback", "revenue", "150.00"),
        ("main", "revenue", "500.00"),
    ]
    assert system.inbox(A) == []
    system.clock_to("2025-04-01T09:00:00+03:00")
    assert system.inbox(A) == [
        "Кэшбэк 150 р зачислен на счет и тратится первым. *100*1#",
        "Счет 650 р: кэшбэк 150 р, основной счет 500 р.",
    ]
    assert system.screen(A, "*100#") == "Баланс:300,00р\nКэшбэк:0р"
    assert system.ok("DELETE", f"/v1/members/{A}?channel=web&confirm=true") == {"lapsed": "0.00"}
    system.verify()


def test_34_charges_of_one_number_at_once_never_overdraw_on_postgresql(on_postgres: System) -> None:
    """Scenario 34, eight at once."""
    system = on_postgres
    for msisdn in (A, B):
        system.member(msisdn, main="1000.00")
        system.ok("POST", f"/v1/members/{msisdn}/credit", {"credit_id": f"c-{msisdn}"})
    with ThreadPoolExecutor(8) as pool:
        drawn = [
            one.result().body
            for one in [
                pool.submit(system.charge, f"B-{msisdn}-{n % 8}", msisdn, "20.00")
                for n in range(16)
                for msisdn in (A, B)
            ]
        ]
    assert all(one["status"] == "paid" for one in drawn)
    for msisdn in (A, B):
        assert system.sums(msisdn) == ("0.00", "0.00", "890.00")
        assert system.postings(msisdn).count(("cashback", "revenue", "20.00")) == 2
    system.verify()
