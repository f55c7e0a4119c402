"""A contracted rate, second by second."""

from simulator.rate import RateLimit


def test_no_second_holds_more_than_the_rate() -> None:
    limit = RateLimit(3)
    assert [limit.take(at) for at in (0.0, 0.1, 0.2, 0.3, 0.9)] == [True, True, True, False, False]
    assert [limit.take(at) for at in (0.96, 1.06, 1.07, 1.17)] == [True, True, False, True]


def test_a_peer_that_keeps_the_rate_is_never_refused_for_a_timers_jitter() -> None:
    limit = RateLimit(100)
    late_by = (0.0, 0.004, -0.003, 0.002, -0.004)
    assert all(limit.take(number / 100 + late_by[number % 5]) for number in range(1000))
