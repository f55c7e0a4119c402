"""The breaker and the short memory: small pure collaborators of the USSD service."""

from ussd.breaker import Breaker
from ussd.remembered import Remembered


def test_item_20_breaker_opens_after_failures_in_a_row_and_tries_once_per_pause() -> None:
    breaker = Breaker(failures_max=3, open_s=2.0)
    for now in (0.0, 1.0):
        assert breaker.allows(now)
        breaker.failed(now)
    assert not breaker.is_open
    breaker.failed(2.0)
    assert breaker.is_open
    assert not breaker.allows(3.9)
    assert breaker.allows(4.0)
    assert not breaker.allows(4.1)
    breaker.failed(4.5)
    assert not breaker.allows(6.4)
    assert breaker.allows(6.5)


def test_item_20_breaker_closes_when_a_try_succeeds() -> None:
    breaker = Breaker(failures_max=1, open_s=2.0)
    breaker.failed(0.0)
    assert breaker.allows(2.0)
    breaker.succeeded()
    assert breaker.allows(2.0)
    assert breaker.allows(2.0)


def test_failures_that_are_not_in_a_row_do_not_open_the_breaker() -> None:
    breaker = Breaker(failures_max=2, open_s=2.0)
    for _ in range(10):
        breaker.failed(0.0)
        breaker.succeeded()
    assert not breaker.is_open


def test_memory_forgets_the_oldest_beyond_its_count() -> None:
    memory: Remembered[str, int] = Remembered(count_max=2, age_s_max=10.0)
    for value, key in enumerate("abc"):
        memory.put(key, value, 0.0)
    assert [memory.get(key, 0.0) for key in "abc"] == [None, 1, 2]
    assert len(memory) == 2


def test_memory_put_again_is_the_newest() -> None:
    memory: Remembered[str, int] = Remembered(count_max=2, age_s_max=10.0)
    for key in "abac":
        memory.put(key, 1, 0.0)
    assert [memory.get(key, 0.0) for key in "abc"] == [1, None, 1]


def test_memory_gives_nothing_older_than_its_age() -> None:
    memory: Remembered[str, int] = Remembered(count_max=5, age_s_max=10.0)
    memory.put("a", 1, 0.0)
    assert memory.get("a", 10.0) == 1
    assert memory.get("a", 10.1) is None
    memory.put("b", 2, 20.0)
    assert len(memory) == 1


def test_memory_taken_is_gone() -> None:
    memory: Remembered[str, int] = Remembered(count_max=5, age_s_max=10.0)
    memory.put("a", 1, 0.0)
    assert memory.take("a", 1.0) == 1
    assert memory.take("a", 1.0) is None


def test_memory_of_no_duration_keeps_only_the_instant() -> None:
    memory: Remembered[str, int] = Remembered(count_max=5, age_s_max=0.0)
    memory.put("a", 1, 0.0)
    assert memory.get("a", 0.1) is None


def test_memory_of_no_size_keeps_nothing() -> None:
    memory: Remembered[str, int] = Remembered(count_max=0, age_s_max=1.0)
    memory.put("a", 1, 0.0)
    assert len(memory) == 0
