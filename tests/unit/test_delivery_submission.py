"""What a submit_sm says: who sends, for how long it is worth delivering; and how deliveries are counted."""

from datetime import timedelta

import pytest

from sms.delivery.counters import DELIVERY_SECONDS_BOUNDS, DeliveryCounters
from sms.delivery.submission import VALIDITY_MAX, relative_period, sender_of, submit_sm
from sms.smpp.codec import decode, encode
from sms.text import segments_for


@pytest.mark.parametrize(
    ("address", "ton", "npi"),
    [("CASHBACK", 5, 0), ("4400", 0, 1), ("79160000000", 1, 1), ("A1", 5, 0), ("٤٤٠٠", 5, 0)],
)
def test_a_name_is_alphanumeric_and_digits_are_a_number(address: str, ton: int, npi: int) -> None:
    sender = sender_of(address)
    assert (sender.ton, sender.npi) == (ton, npi)


@pytest.mark.parametrize(
    ("length", "period"),
    [
        (timedelta(0), "000000000100000R"),
        (timedelta(seconds=-5), "000000000100000R"),
        (timedelta(minutes=1, seconds=1), "000000000101000R"),
        (timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999), "000000235959000R"),
        (timedelta(days=1), "000001000000000R"),
        (timedelta(days=29), "000029000000000R"),
        (timedelta(days=30), "000100000000000R"),
        (VALIDITY_MAX, "000203000000000R"),
        (timedelta(days=1000), "000203000000000R"),
    ],
)
def test_a_validity_is_relative_to_now_a_minute_at_least_and_two_months_at_most(
    length: timedelta, period: str
) -> None:
    assert relative_period(length) == period


@pytest.mark.parametrize("seq", [1, 65_534, 65_535, 65_536, 2_000_000_000])
def test_a_submission_survives_the_codec_whatever_its_number(seq: int) -> None:
    [segment] = segments_for("Кэшбэк", reference=0)
    pdu = submit_sm(sender_of("CASHBACK"), "79160000001", segment, seq=seq, validity_period="000001000000000R")
    pdu.sequence_number = 1
    assert decode(encode(pdu)) == pdu
    assert 1 <= int.from_bytes(pdu.tlvs[0][1]) <= 65_535


def test_deliveries_fall_into_cumulative_buckets() -> None:
    counters = DeliveryCounters()
    for seconds in (0.5, 3.0, 1_000_000.0):
        counters.delivered("sms", seconds)
    times = counters.delivery["sms"]
    assert (times.count, times.seconds) == (3, 1_000_003.5)
    assert dict(zip(DELIVERY_SECONDS_BOUNDS, times.buckets, strict=True))[1.0] == 1
    assert dict(zip(DELIVERY_SECONDS_BOUNDS, times.buckets, strict=True))[5.0] == 2
    assert times.buckets[-1] == 2
