"""The key that seals the journal, over restarts: a lost one, or another gateway's, is told."""

from collections.abc import Callable

from hosted import Hosted

A = "79160000001"
SETTING = "FIRSTCHARGE__LEDGER__SEAL_KEY"
OURS, OTHER = "o" * 32, "x" * 32


def test_a_journal_sealed_with_another_key_raises_an_alarm_until_the_key_is_back(
    started: Callable[..., Hosted],
) -> None:
    system = started(environ={SETTING: OURS})
    system.member(A, main="800.00")
    system.clock_to("2025-03-05T09:00:00+03:00")  # a closed day is sealed
    (head, *_) = system.ok("GET", "/v1/ledger/heads")["items"]
    assert system.ok("GET", "/status")["alarms"] == []
    system.start_again(environ={SETTING: OTHER})
    assert system.ok("GET", "/status")["alarms"] == [
        f"the journal was sealed with key {head['key_id']}, which is not ours: put it back, or verification fails"
    ]
    system.start_again(environ={SETTING: OURS})
    assert system.ok("GET", "/status")["alarms"] == []
