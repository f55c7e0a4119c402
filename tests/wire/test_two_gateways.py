"""Two gateways on one PostgreSQL: work is spread over both, one dies: nothing lost, nothing double, nothing stale."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from several import OneOf, Several, until
from signing import postback
from system import Reply

from gateway.demo.catalogue import CATALOGUE

PEOPLE = [f"7916200{number:04d}" for number in range(10)]
TAKEOVER_SECONDS_MAX = 20


@pytest.fixture
def several(tmp_path: Path, fresh_postgres: str) -> Iterator[Several]:
    both = Several(tmp_path / "several", fresh_postgres)
    try:
        yield both
    finally:
        both.stop()


def at_once(*calls: Callable[[], Reply]) -> list[Reply]:
    """All of them at the same time; their answers in the order of the calls."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [one.result() for one in [pool.submit(call) for call in calls]]


def spread(first: OneOf, second: OneOf, work: Callable[[OneOf, str], object]) -> None:
    """Something for everybody, half of them through each gateway."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [first, second] * (len(PEOPLE) // 2), PEOPLE))


def catalogue_with(percent: str, secret: str) -> dict[str, Any]:
    """The demo's catalogue with other terms and another secret of one shop."""
    ozon, *others = CATALOGUE["partners"]
    return {**CATALOGUE, "partners": [{**ozon, "percent": percent, "secrets": [secret]}, *others]}


def paid(gateway: OneOf, msisdn: str, order_id: str, secret: str) -> tuple[Any, Reply]:
    """A click and its paid postback: (reward promised, answer)."""
    click = gateway.ok("POST", "/v1/clicks", {"msisdn": msisdn, "partner": "ozon"})
    order = {
        "event": "paid",
        "order_id": order_id,
        "click_id": click["click_id"],
        "goods": "100.00",
        "channel": "web",
    }
    return click["reward"], postback(gateway.http_port, "ozon", order, secret=secret)


def one_of_both(answers: list[Reply]) -> None:
    """One made it, the other was told the same."""
    assert sorted(one.status for one in answers) == [200, 201], answers
    assert answers[0].body == answers[1].body
    assert ["Idempotency-Hit" in one.headers for one in answers] == [one.status == 200 for one in answers]


def test_what_one_gateway_answered_the_other_goes_by_at_once(several: Several) -> None:
    first, second = several.start(), several.start()
    several.load()
    until(second.answers, second)

    def joins(gateway: OneOf, msisdn: str) -> None:
        gateway.member(msisdn, main="700.00", tariff="smart")

    spread(first, second, joins)
    for number, percent in enumerate(["6", "7", "8"]):
        here, there = (first, second) if number % 2 else (second, first)
        old, new = f"secret-{number}", f"secret-{number + 1}"
        here.ok("PUT", "/v1/catalogue", catalogue_with(percent, new))
        promised, answer = paid(there, PEOPLE[number], f"o-{number}", new)
        assert promised == {"percent": percent}
        assert (answer.status, answer.body["reward"]) == (200, f"{percent}.00")
        assert paid(there, PEOPLE[number], f"old-{number}", old)[1].status == 401
        shown = there.ok("GET", "/v1/catalogue")["partners"]
        assert [one["percent"] for one in shown if one["code"] == "ozon"] == [percent]
        here.ok("PUT", "/v1/tariffs/zero", {"fee": f"{number}.00"})
        here.clock_to(f"2025-03-0{number + 4}T12:00:00+03:00")
        assert there.ok("GET", "/v1/clock")["now"] == f"2025-03-0{number + 4}T12:00:00+03:00"
        assert there.balance(PEOPLE[0])["as_of"].startswith(f"2025-03-0{number + 4}T12:00")
        back = there.api("POST", "/v1/clock", {"to": "2025-03-03T12:00:00+03:00"})
        assert back.status == 409, back
    both = (first, second)
    moves = at_once(*[partial(one.api, "POST", "/v1/clock", {"to": "2025-03-20T12:00:00+03:00"}) for one in both])
    assert [(one.status, one.body["now"]) for one in moves] == [(200, "2025-03-20T12:00:00+03:00")] * 2

    for number, msisdn in enumerate(PEOPLE):
        one_of_both(at_once(*[partial(one.charge, f"c-{number}", msisdn, "1.00") for one in both]))
        others = ((first, msisdn), (second, PEOPLE[number - 1]))
        answers = at_once(*[partial(one.charge, f"d-{number}", whose, "1.00") for one, whose in others])
        assert sorted(one.status for one in answers) == [201, 409], answers
    fresh = "79162009999"
    made = at_once(*[partial(one.api, "PUT", f"/v1/subscribers/{fresh}", {}) for one in both])
    assert made[0].body == made[1].body
    joined = at_once(*[partial(one.join, fresh) for one in both])
    assert sorted(one.status for one in joined) == [201, 409], joined
    assert first.sums(fresh) == second.sums(fresh) == ("50.00", "0.00", "0.00")
    second.verify()


def test_one_of_two_is_killed_in_the_middle_of_a_month_and_nothing_is_lost_or_doubled(several: Several) -> None:
    grace = {"FIRSTCHARGE__SMS__UNKNOWN_GRACE_S": "1"}
    first = several.start(FIRSTCHARGE_FAULT="bill.after_n_lines:kill", **grace)
    second = several.start(**grace)
    several.load()
    until(first.answers, first)
    until(second.answers, second)
    # Answers come too late for the first gateway, which dies with messages written.
    second.sim("PUT", "/sim/faults", {"response": {"delay_ms": [4_000, 4_000]}})
    spread(first, second, lambda gateway, msisdn: gateway.member(msisdn, main="700.00", tariff="smart"))
    until(lambda: len(second.sim("GET", "/sim/smsc/messages").body["items"]) >= len(PEOPLE), second)
    assert second.screen(PEOPLE[0], "*100#").startswith("Баланс:700,00р")
    with pytest.raises(ConnectionError):
        first.api("POST", "/v1/clock", {"to": "2025-04-01T09:00:00+03:00"})
    assert first.process is not None
    assert first.process.wait(10) == -9
    died_at = time.monotonic()
    second.sim("DELETE", "/sim/faults")
    third = several.start(**grace)

    assert second.ok("GET", "/v1/clock")["now"] == "2025-04-01T00:00:00+03:00"
    between = second.charge("in-between", PEOPLE[0], "1.00")
    assert between.body["cashback"] == "1.00"  # April's rules, whether the month ran or not
    until(lambda: bool(second.ok("GET", "/v1/month-runs/2025-04")["status"] == "done"), second, TAKEOVER_SECONDS_MAX)
    until(third.answers, third)
    moved = third.clock_to("2025-05-01T09:00:00+03:00")
    assert [one["what"] for one in moved["ran"] if one["what"] == "month"] == ["month"]
    for gateway in (second, third):
        for period, cashback in (("2025-04", "499.00"), ("2025-05", "0.00")):
            run = gateway.ok("GET", f"/v1/month-runs/{period}")
            assert (run["status"], run["charged"]["count"]) == ("done", len(PEOPLE)), run
            assert run["charged"]["cashback"] == cashback, run
    left = (second, third)
    assert sum(one.metric("firstcharge_outbox_in_doubt_total") for one in left) > 0
    doubts = sum(one.metric("firstcharge_sms_possible_duplicates_total") for one in left)
    copies = 0
    for msisdn in PEOPLE:
        told = [one["kind"] for one in second.outbox(msisdn)]
        assert sorted(told) == ["bill", "credited", "registered"], told
        texts = second.inbox(msisdn)
        assert len(set(texts)) == len(told), texts
        copies += len(texts) - len(told)
    assert copies <= doubts, (copies, doubts)
    screens = {second.screen(msisdn, "*100#").splitlines()[0] for msisdn in PEOPLE[1:]}
    assert screens == {"Баланс:0,00р"}
    second.verify()
    assert time.monotonic() - died_at < 2 * TAKEOVER_SECONDS_MAX
