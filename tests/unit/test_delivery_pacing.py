"""How fast a link is fed: contracted rates, what refusals teach, turns among links."""

import pytest

from sms.delivery.pacing import Pacer, RateMeter


def sent_in(pacer: Pacer, start: float, seconds: float, *, tick: float = 0.001, window: int = 100) -> int:
    """How many go out when asked every `tick` seconds."""
    sent = 0
    for step in range(round(seconds / tick)):
        now = start + step * tick
        allowed = pacer.allowance(now)
        count = window if allowed is None else min(allowed, window)
        if count:
            pacer.sent(now, count)
            sent += count
    return sent


def test_without_a_contract_there_is_no_limit() -> None:
    assert Pacer().allowance(0.0) is None
    assert Pacer().rate is None


@pytest.mark.parametrize("rate", [1.0, 5.0, 200.0, 3000.0])
def test_a_contracted_rate_is_kept_within_a_hundredth_and_used(rate: float) -> None:
    pacer = Pacer(rate)
    assert sent_in(pacer, 0.0, 10.0) == pytest.approx(rate * 10, rel=0.01, abs=1)


def test_no_second_holds_more_than_the_contract() -> None:
    pacer = Pacer(200.0)
    sent_in(pacer, 0.0, 1.0)
    after_a_rest = sent_in(pacer, 100.0, 1.0)
    assert after_a_rest <= 200


def test_what_a_busy_process_missed_is_sent_after_and_still_no_second_holds_more_than_the_contract() -> None:
    pacer = Pacer(200.0)
    sent: list[float] = []
    for step in range(20_000):
        now = step / 1000
        if step % 300 < 60:
            continue  # 60 ms in which it does other things
        count = pacer.allowance(now) or 0
        if count:
            pacer.sent(now, count)
            sent += [now] * count
    assert len(sent) == pytest.approx(200 * 20, rel=0.01)
    assert all(later - first >= 1.0 for first, later in zip(sent, sent[200:], strict=False))


def test_a_refusal_pauses_the_link_and_halves_its_rate() -> None:
    pacer = Pacer(200.0)
    pacer.throttled(10.0)
    assert pacer.rate == 100.0
    assert pacer.allowance(10.2) == 0
    assert pacer.wait_s(10.2) == pytest.approx(0.05)
    assert pacer.allowance(10.25) == 0
    assert pacer.allowance(10.3) is not None


def test_refusals_to_one_burst_halve_the_rate_once() -> None:
    pacer = Pacer(200.0)
    for at in (10.0, 10.05, 10.9):
        pacer.throttled(at)
    assert pacer.rate == 100.0
    assert pacer.wait_s(10.9) == pytest.approx(0.25)
    pacer.throttled(11.0)
    assert pacer.rate == 50.0


def test_a_refusal_takes_the_rate_down_to_what_was_really_accepted() -> None:
    pacer = Pacer()
    for at in range(800):
        pacer.sent(at / 1000, 1)
        if at % 8 == 0:
            pacer.accepted(at / 1000)
    pacer.throttled(0.8)
    assert pacer.rate == pytest.approx(100, rel=0.06)


def test_the_rate_never_falls_below_one_a_second() -> None:
    pacer = Pacer(2.0)
    for at in range(10):
        pacer.throttled(float(at))
    assert pacer.rate == 1.0


def test_after_a_quiet_time_the_rate_grows_by_a_twentieth_of_what_was_too_much_up_to_the_contract() -> None:
    pacer = Pacer(60.0)
    pacer.throttled(0.0)
    pacer.allowance(2.9)
    assert pacer.rate == 30.0
    pacer.allowance(3.0)
    assert pacer.rate == 33.0
    pacer.allowance(10.0)
    assert pacer.rate == 54.0
    pacer.allowance(1000.0)
    assert pacer.rate == 60.0


def test_without_a_contract_the_first_refusal_halves_what_was_really_sent() -> None:
    pacer = Pacer()
    for at in range(1000):
        pacer.sent(at / 1000, 1)
    pacer.throttled(1.0)
    assert pacer.rate == pytest.approx(500, rel=0.05)


def test_congestion_is_obeyed_before_it_becomes_a_refusal() -> None:
    pacer = Pacer(200.0)
    pacer.congestion(0.0, 80)
    assert pacer.rate == 200.0
    pacer.congestion(0.0, 100)
    assert pacer.rate == 100.0
    pacer.congestion(1.9, 95)
    pacer.allowance(4.8)
    assert pacer.rate == 100.0
    pacer.allowance(4.9)
    assert pacer.rate == 110.0


def test_a_link_rests_longer_each_time_until_something_is_accepted() -> None:
    pacer = Pacer()
    pacer.rest(0.0)
    pacer.rest(1.0)
    assert (pacer.is_resting(4.0), pacer.is_resting(5.0)) == (True, False)
    pacer.rest(5.0)
    assert pacer.wait_s(5.0) == 10.0
    pacer.accepted(15.0)
    pacer.rest(15.0)
    assert pacer.wait_s(15.0) == 5.0


def test_a_meter_forgets_what_it_measured_before_a_silence() -> None:
    meter = RateMeter(0.25)
    for at in range(500):
        meter.count(at / 1000)
    assert meter.per_s(0.5) == pytest.approx(1000, rel=0.02)
    assert meter.per_s(10.0) == 0.0


@pytest.mark.parametrize("limit", [20, 200, 1000])
def test_a_limiting_smsc_is_approached_within_five_seconds(limit: int) -> None:
    """Windows of a second at the SMSC; from the fifth second on at most a tenth above its limit, and most of it."""
    pacer = Pacer()
    asked: list[int] = [0] * 21
    for step in range(20_000):
        now = step / 1000
        second = int(now)
        allowed = pacer.allowance(now)
        for _ in range(8 if allowed is None else min(allowed, 8)):
            pacer.sent(now, 1)
            asked[second] += 1
            if asked[second] > limit:
                pacer.throttled(now)
                break
            pacer.accepted(now)
    settled = asked[5:20]
    assert max(settled) <= 1.1 * limit + 1
    assert sum(settled) >= 0.5 * limit * len(settled)
