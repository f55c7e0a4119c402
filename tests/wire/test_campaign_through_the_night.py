"""A campaign over four zones: who wants it, once, at nine by their own clock, whatever dies meanwhile (rules 37-39).

Short by default; FIRSTCHARGE_LONG=1 has 10,000 members.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from crashing import Crashing
from members_everywhere import LANGUAGES, ZONES, Member, everybody, populate

IS_LONG = os.environ.get("FIRSTCHARGE_LONG") == "1"
MEMBERS = everybody(10_000 if IS_LONG else 500)
EVENING = "2025-03-03T22:30:00+03:00"
NINE = dict(zip(ZONES, (2, 7, 9, 10), strict=True))
"""When it is nine in each zone, by Moscow's clock."""
TEXTS = {"ru": "Весна: кэшбэк вдвое", "ro": "Primavara: cashback dublu", "en": "Spring: double cashback"}
STOPS = dict(zip(LANGUAGES, ((" Стоп ", "стоп"), ("renunt", "RENUNT "), ("STOP", "stop")), strict=True))
"""What they write, and again."""
DIES_AT = "Asia/Yekaterinburg"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Crashing]:
    url = f"sqlite:///{tmp_path / 'firstcharge.sqlite3'}"
    populate(url, MEMBERS)
    crashing = Crashing(tmp_path / "system", url, clock_start=EVENING)
    try:
        crashing.start()
        yield crashing
    finally:
        crashing.stop()


def _queue(system: Crashing) -> None:
    """The campaign, killed in the middle of queueing and asked for again."""
    body = {"campaign_id": "spring", "texts": TEXTS, "audience": "all"}
    with ThreadPoolExecutor(1) as pool:
        queued = pool.submit(system.must, "POST", "/v1/adverts", body)
        time.sleep(0.1)
        system.kill()
        agreed = [one for one in MEMBERS if one.wants_it or one.writes_stop]
        assert queued.result()["queued"] == len(agreed)


def _stop(system: Crashing) -> None:
    """They write STOP in their language, and again: one confirmation each, at once, at night."""
    writers = [one for one in MEMBERS if one.writes_stop]
    with ThreadPoolExecutor(8) as pool:
        for turn in range(2):
            list(pool.map(lambda one: _write(system, one, STOPS[one.language][turn]), writers))  # noqa: B023 - done when map is
            end = time.monotonic() + 120
            while system.heard() < (turn + 1) * len(writers):
                assert time.monotonic() < end, (system.heard(), system.output())
                time.sleep(0.1)
    system.until_sent()
    rows = [row for row in system.outbox_rows() if row.kind != "advert"]
    assert Counter((row.msisdn, row.kind, row.state) for row in rows) == {
        (one.msisdn, "keyword", "delivered"): 1 for one in writers
    }
    assert Counter(system.arrived()) == Counter((row.msisdn, row.text) for row in rows)


def _write(system: Crashing, member: Member, text: str) -> None:
    sent = system.sim("POST", f"/sim/handsets/{member.msisdn}/sms", {"to": "4400", "text": text})
    assert sent.status in {200, 201, 202}, sent


def _to(system: Crashing, hour: float, *, dies: bool = False) -> None:
    """The clock is moved to an hour of the next morning; if it dies, in the middle of sending what is due."""
    instant = f"2025-03-04T{int(hour):02}:{round(hour % 1 * 60):02}:00+03:00"
    before = system.states()["delivered"]
    share = len(MEMBERS) // 40
    with ThreadPoolExecutor(1) as pool:
        moved = pool.submit(system.must, "POST", "/v1/clock", {"to": instant})
        if dies:
            end = time.monotonic() + 60
            while system.states()["delivered"] < before + share:
                assert time.monotonic() < end, system.output()
                time.sleep(0.01)
            system.kill()
        assert moved.result()["now"] == instant
    system.until_sent()


def _got(system: Crashing) -> Counter[tuple[str, str]]:
    adverts = set(TEXTS.values())
    return Counter((msisdn, text) for msisdn, text in system.arrived() if text in adverts)


def test_who_wants_it_gets_it_once_at_nine_by_their_clock_and_nobody_else(system: Crashing) -> None:
    began = time.monotonic()
    _queue(system)
    assert system.states() == {"queued": sum(one.wants_it or one.writes_stop for one in MEMBERS)}
    _stop(system)
    assert not _got(system)
    due: set[tuple[str, str]] = set()
    doubts = 0
    for zone, hour in NINE.items():
        _to(system, hour - 1 / 60)
        assert set(_got(system)) <= due, "somebody was woken"
        _to(system, hour, dies=zone == DIES_AT)
        due |= {(one.msisdn, TEXTS[one.language]) for one in MEMBERS if one.wants_it and one.zone == zone}
        got = _got(system)
        assert set(got.values()) <= {1}, "an advert came twice"
        unknown = {(r.msisdn, r.text) for r in system.outbox_rows() if r.reason == "OUTCOME_UNKNOWN"}
        doubts = len(unknown)
        assert set(got) <= due
        assert due - set(got) <= unknown, "somebody was left out"
    system.verify()
    dropped = Counter(row.msisdn for row in system.outbox_rows() if row.reason == "OPTED_OUT")
    assert dropped == {one.msisdn: 1 for one in MEMBERS if one.writes_stop}
    print(
        f"{len(MEMBERS)} members, {len(due)} adverts: {time.monotonic() - began:.0f} s, in doubt and dropped {doubts}"
    )
