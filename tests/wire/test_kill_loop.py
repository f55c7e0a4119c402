"""The gateway killed again and again under load: ledger exact, no SMS lost, copies counted (G1-G4).

Short by default; FIRSTCHARGE_LONG=1 kills 200 times, FIRSTCHARGE_KILLS says how often.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from crashing import Crashing
from signing import postback

IS_LONG = os.environ.get("FIRSTCHARGE_LONG") == "1"
KILLS = int(os.environ.get("FIRSTCHARGE_KILLS", "200" if IS_LONG else "3"))
CALLERS = 4
NUMBERS_EACH = 10_000
LATE = {"response": {"delay_ms": [0, 80]}}
"""Answers take a while, so that a kill leaves some messages in doubt; their receipts settle most of them."""


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Crashing]:
    crashing = Crashing(tmp_path / "system", f"sqlite:///{tmp_path / 'firstcharge.sqlite3'}")
    try:
        crashing.start()
        assert crashing.sim("PUT", "/sim/faults", LATE).status == 200
        yield crashing
    finally:
        crashing.stop()


def _live(system: Crashing, msisdn: str) -> None:
    """Join, get a promotion's bonus, use some, buy something and have it confirmed: four notices at this hour."""
    system.must("PUT", f"/v1/subscribers/{msisdn}", {})
    joining = {"msisdn": msisdn, "channel": "web", "accept_terms": True, "terms_version": "1"}
    system.must("POST", "/v1/members", joining, also=(409,))
    credit = {"action_id": f"q-{msisdn}", "msisdn": msisdn, "amount": "100.00"}
    system.must("POST", "/v1/promos/quiz/credits", credit)
    system.must("POST", f"/v1/members/{msisdn}/credit", {"credit_id": f"n-{msisdn}"})
    charge = {"charge_id": f"c-{msisdn}", "msisdn": msisdn, "type": "usage", "amount": "30.00"}
    assert system.must("POST", "/v1/charges", charge)["cashback"] == "30.00"
    click = system.must("POST", "/v1/clicks", {"msisdn": msisdn, "partner": "ozon"})["click_id"]
    order = {"order_id": f"o-{msisdn}", "click_id": click, "goods": "1000.00", "channel": "web"}
    for event in ({"event": "paid", **order}, {"event": "confirmed", "order_id": f"o-{msisdn}"}):
        system.insist(lambda event=event: postback(system.http_port, "ozon", event))  # type: ignore[misc]


def _live_on(system: Crashing, caller: int, is_over: threading.Event) -> list[str]:
    """One person after the other until it is over; who was finished."""
    done: list[str] = []
    while not is_over.is_set():
        msisdn = f"7917{caller * NUMBERS_EACH + len(done):07d}"
        _live(system, msisdn)
        done.append(msisdn)
    return done


def _again(system: Crashing) -> int:
    """Whose outcome was in doubt twice is a dead letter: the operator lets these go again; how many."""
    dead = [row for row in system.outbox_rows() if row.state == "dead"]
    assert {row.reason for row in dead} <= {"OUTCOME_UNKNOWN"}
    if dead:
        assert system.must("POST", "/v1/outbox/retries", {})["retried"] == len(dead)
        system.until_sent()
    return len(dead)


def test_killed_again_and_again_under_load_it_keeps_every_kopeck_and_every_message(system: Crashing) -> None:
    began = time.monotonic()
    rng = random.Random(4)
    is_over = threading.Event()
    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(_live_on, system, caller, is_over) for caller in range(CALLERS)]
        try:
            while system.kills < KILLS:
                time.sleep(rng.uniform(0.05, 1.0))
                system.kill()
        finally:
            is_over.set()
        people = [msisdn for one in callers for msisdn in one.result()]
    system.until_sent()
    system.verify()
    dead = _again(system)
    rows = system.outbox_rows()
    kinds = Counter((row.msisdn, row.kind) for row in rows)
    for msisdn in people:
        told = {kind: count for (whose, kind), count in kinds.items() if whose == msisdn}
        assert told == {"registered": 1, "credited": 1, "accrued": 2}, told
        assert system.sums(msisdn) == ("50.00", "120.00", "0.00")
    assert len(rows) == 4 * len(people)
    assert {row.state for row in rows} <= {"accepted", "delivered"}
    arrived = Counter(system.arrived())
    queued = Counter((row.msisdn, row.text) for row in rows)
    assert not queued - arrived, "lost"
    copies = (arrived - queued).total()
    counted = dead + sum(row.resends for row in rows)
    assert copies <= counted, (copies, counted)
    assert copies <= system.kills
    print(
        f"{system.kills} kills, {len(people)} people, {len(rows)} messages: {time.monotonic() - began:.0f} s,"
        f" sent again {counted} ({dead} by the operator), copies {copies}"
    )
