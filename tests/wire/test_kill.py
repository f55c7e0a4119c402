"""SIGKILL at the worst moments: the ledger stays exact, no SMS is lost, doubts are counted (G1–G4, G6)."""

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from month_population import populate
from parts import Parts
from system import A, http_call

NOTICE = "Начислено 50 р кэшбэка: Ozon. Доступно с 01.04. Баланс: *100*1#"
SUBSCRIPTIONS = 20_000 if os.environ.get("FIRSTCHARGE_LONG") == "1" else 8_000


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    parts = Parts(tmp_path / "parts")
    try:
        yield parts.prepare()
    finally:
        parts.stop()


@pytest.fixture
def with_pending_order(parts: Parts) -> Parts:
    """A member with a pending Ozon order of 50, the welcome SMS read, the gateway stopped."""
    parts.start_simulator()
    parts.start_gateway()
    parts.member(A)
    parts.paid("ozon", A, "o-1", "1000.00")
    parts.clear(A)
    assert parts.gateway is not None
    parts.gateway.terminate()
    assert parts.gateway.wait(20) == 0
    return parts


def _possible_duplicates(parts: Parts) -> int:
    text = http_call(parts.http_port, "GET", "/metrics").body
    found = re.search(r"^firstcharge_sms_possible_duplicates_total(?:\{[^}]*\})? ([0-9.]+)", text, re.MULTILINE)
    return int(float(found.group(1))) if found else 0


def _wait_for_texts(parts: Parts, count: int) -> list[str]:
    end = time.monotonic() + 30
    while len(texts := parts.inbox(A)) < count:
        assert time.monotonic() < end, (texts, parts.output())
        time.sleep(0.1)
    return texts


def test_killed_between_the_answer_and_the_sms_it_still_arrives_once(with_pending_order: Parts) -> None:
    parts = with_pending_order
    parts.sim("PUT", "/sim/faults", {"link": "down"})
    parts.start_gateway(wait=False)
    end = time.monotonic() + 20
    while True:  # not ready without its link, but the postback door is open
        try:
            if http_call(parts.http_port, "GET", "/healthz").status == 200:
                break
        except OSError:
            assert time.monotonic() < end, parts.output()
            time.sleep(0.05)
    assert parts.shop("ozon", "o-1", "confirm").body["state"] == "accrued"
    parts.kill_gateway()
    parts.sim("DELETE", "/sim/faults")
    parts.start_gateway()
    assert _wait_for_texts(parts, 1) == [NOTICE]
    assert parts.postings(A)[-1] == ("programme_expense", "bonus", "50.00")
    assert len(parts.postings(A)) == 2
    assert _possible_duplicates(parts) == 0
    parts.verify()


@pytest.mark.parametrize("point", ["outbox.claimed", "sms.before_write", "sms.after_write", "sms.resp_before_mark"])
def test_killed_around_the_write_the_notice_is_never_lost_and_a_double_is_counted(
    with_pending_order: Parts, point: str
) -> None:
    parts = with_pending_order
    parts.start_gateway(FIRSTCHARGE_FAULT=f"{point}:kill", FIRSTCHARGE__SMS__UNKNOWN_GRACE_S="1")
    assert parts.shop("ozon", "o-1", "confirm").status in {200, 502}
    parts.gateway_died()
    parts.start_gateway(FIRSTCHARGE__SMS__UNKNOWN_GRACE_S="1")
    assert parts.shop("ozon", "o-1", "confirm").body["state"] == "accrued"
    texts = _wait_for_texts(parts, 1)
    time.sleep(3)  # longer than the grace: a second copy would be here
    texts = parts.inbox(A)
    assert set(texts) == {NOTICE}
    assert len(texts) - 1 <= _possible_duplicates(parts) <= 1
    assert len(parts.postings(A)) == 2
    [message] = [one for one in parts.outbox(A) if one["kind"] == "accrued"]
    assert message["state"] in {"accepted", "delivered"}
    parts.verify()


def _journal(database: Path) -> tuple[list[Any], list[Any], list[Any]]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return (
            connection.execute("SELECT * FROM posting ORDER BY subscription_id, entry_no").fetchall(),
            connection.execute("SELECT * FROM balance ORDER BY subscription_id").fetchall(),
            connection.execute("SELECT message_id, params, not_before FROM sms_message ORDER BY 1").fetchall(),
        )
    finally:
        connection.close()


def test_a_month_job_killed_five_times_gives_the_journal_of_one_that_was_not(tmp_path: Path) -> None:
    first = "2025-04-01T00:00:00+03:00"
    whole = Parts(tmp_path / "whole").prepare()
    populate(whole.folder / "firstcharge.sqlite3", SUBSCRIPTIONS)
    killed = Parts(tmp_path / "killed").prepare()
    for name in whole.folder.glob("firstcharge.sqlite3*"):
        shutil.copy(name, killed.folder / name.name)
    try:
        for one in (whole, killed):
            one.start_simulator()
        whole.start_gateway()
        whole.clock_to(first)
        killed.start_gateway(FIRSTCHARGE_FAULT="bill.after_n_lines:kill:2")
        with pytest.raises(ConnectionError):
            killed.api("POST", "/v1/clock", {"to": first})
        killed.gateway_died()
        for _ in range(4):  # the run goes on by itself at each start
            killed.start_gateway(wait=False, FIRSTCHARGE_FAULT="bill.after_n_lines:kill:2")
            killed.gateway_died()
        killed.start_gateway()
        killed.clock_to(first)
        run = killed.ok("GET", "/v1/month-runs/2025-04")
        assert run["status"] == "done"
        assert run["charged"]["count"] == SUBSCRIPTIONS
        assert run == whole.ok("GET", "/v1/month-runs/2025-04")
        killed.verify()
        whole.verify()
    finally:
        whole.stop()
        killed.stop()
    seen, expected = _journal(killed.folder / "firstcharge.sqlite3"), _journal(whole.folder / "firstcharge.sqlite3")
    assert [len(one) for one in seen] == [len(one) for one in expected]
    assert seen == expected
