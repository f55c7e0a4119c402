"""Phone numbers as they are typed, and the postback signature against figures made elsewhere."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.http.auth import KeyRecord, Keys, Principal, Scope, cookie_from, hash_of
from gateway.http.durations import parse_duration
from gateway.http.fields import parse_day, parse_instant
from gateway.http.limiting import RateLimit
from gateway.http.msisdn import MalformedMsisdn, normalise
from gateway.http.signatures import is_signed, sign

NOW = 1_741_000_000.0


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("79160000001", "79160000001"),
        ("+79160000001", "79160000001"),
        ("8 916 000-00-01", "79160000001"),
        ("89160000001", "79160000001"),
        ("+7 (916) 000 00 01", "79160000001"),
        ("40712345678", "40712345678"),
        ("+40 712 345 678", "40712345678"),
        ("37369123456", "37369123456"),
    ],
)
def test_numbers_become_international_digits(typed: str, digits: str) -> None:
    assert normalise(typed) == digits
    assert normalise(normalise(typed)) == digits


@pytest.mark.parametrize(
    ("typed", "region", "digits"), [("0712345678", "RO", "40712345678"), ("069123456", "MD", "37369123456")]
)
def test_the_national_prefix_is_the_regions(typed: str, region: str, digits: str) -> None:
    assert normalise(typed, region=region) == digits


@pytest.mark.parametrize(
    "typed",
    ["", "8", "abc", "123", "7916000000", "791600000011", "0712345678", "79160000001\n", "٧٩١٦٠٠٠٠٠٠١", "+" * 40],
)
def test_what_no_numbering_plan_knows_is_refused(typed: str) -> None:
    with pytest.raises(MalformedMsisdn):
        normalise(typed)


def test_the_signature_is_hmac_sha256_of_the_second_a_dot_and_the_body() -> None:
    body = b'{"event":"paid"}'
    by_hand = hmac.new(b"s1", b"1741000000." + body, hashlib.sha256).hexdigest()
    assert sign(body, "s1", 1_741_000_000) == f"t=1741000000,v1={by_hand}"
    assert is_signed(f"t=1741000000,v1={by_hand}".encode(), body, ["s1"], NOW)
    assert is_signed(f"v1={'0' * 64}, v1={by_hand.upper()} ,t=1741000000".encode(), body, ["s0", "s1"], NOW)


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_a_signature_is_good_for_300_seconds_either_way(age: int) -> None:
    header = sign(b"x", "s1", 1_741_000_000).encode()
    assert is_signed(header, b"x", ["s1"], NOW + age)
    assert not is_signed(header, b"x", ["s1"], NOW + age * 1.01 + (1 if age >= 0 else -1) * 301)


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"t=1741000000",
        b"v1=00",
        b"t=,v1=00",
        b"t=x,v1=00",
        b"t=1741000000,t=1741000000,v1=%b",
        b"t=-1,v1=0",
    ],
)
def test_a_header_of_another_shape_signs_nothing(header: bytes | None) -> None:
    digest = sign(b"x", "s1", 1_741_000_000).rpartition("=")[2].encode()
    given = header.replace(b"%b", digest) if header else header
    assert not is_signed(given, b"x", ["s1"], NOW)


def test_keys_are_found_by_their_hash_and_cookies_expire_and_are_bound_to_their_signer() -> None:
    owner = Principal(name="ops", scopes=frozenset({Scope.OPS}))
    keys = Keys([KeyRecord(hash=hash_of("k1"), principal=owner)], b"c" * 32)
    assert keys.of_key(b"k1") == owner
    assert keys.of_key(b"k2") is None
    assert keys.of_key(b"") is None
    assert keys.of_key(b"x" * 513) is None
    cookie = keys.cookie_for(owner, NOW)
    assert keys.of_cookie(cookie, NOW + 12 * 3600) == owner
    assert keys.of_cookie(cookie, NOW + 12 * 3600 + 1) is None
    assert keys.of_cookie(cookie + b"0", NOW) is None
    assert Keys([], b"c" * 32).of_cookie(cookie, NOW) is None
    assert Keys([KeyRecord(hash=hash_of("k1"), principal=owner)], b"d" * 32).of_cookie(cookie, NOW) is None
    assert cookie_from(b"a=1; firstcharge=" + cookie) == cookie
    assert cookie_from(None) is None


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2025-03-03T12:00:00+03:00", 1740992400000000),
        ("2025-03-03T12:00+0300", 1740992400000000),
        ("2025-03-03T12:00+03", 1740992400000000),
        ("2025-03-03T09:00:00.123456Z", 1740992400123456),
        ("2025-03-03T09:00:00.5Z", 1740992400500000),
    ],
)
def test_instants_of_iso_8601_with_offset_are_read(text: str, micros: int) -> None:
    instant = parse_instant(text)
    assert round(instant.timestamp() * 1_000_000) == micros
    assert instant.utcoffset() is not None


@pytest.mark.parametrize(
    "text", ["2025-03-03", "2025-03-03T12:00:00", "2025-13-03T12:00:00Z", "2300-01-01T00:00:00Z", 5]
)
def test_other_instants_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"instant|day"):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("P1D", "2025-02-01T12:00:00+03:00"),
        ("P1W", "2025-02-07T12:00:00+03:00"),
        ("P1M", "2025-02-28T12:00:00+03:00"),
        ("P1Y1M", "2026-02-28T12:00:00+03:00"),
        ("PT90S", "2025-01-31T12:01:30+03:00"),
        ("P1DT1H1M1.5S", "2025-02-01T13:01:01.500000+03:00"),
        ("PT0S", "2025-01-31T12:00:00+03:00"),
        ("-P1D", "2025-01-30T12:00:00+03:00"),
        ("-P1MT1H", "2024-12-31T11:00:00+03:00"),
    ],
)
def test_durations_of_iso_8601_are_calendar_days_and_exact_hours(text: str, then: str) -> None:
    moscow = ZoneInfo("Europe/Moscow")
    start = datetime(2025, 1, 31, 9, tzinfo=UTC)
    assert parse_duration(text).after(start, moscow).astimezone(moscow).isoformat() == then


def test_a_day_is_the_next_day_at_the_same_time_where_the_clocks_change() -> None:
    chisinau = ZoneInfo("Europe/Chisinau")
    noon = datetime(2025, 3, 29, 12, tzinfo=chisinau).astimezone(UTC)
    assert parse_duration("P1D").after(noon, chisinau) - noon == timedelta(hours=23)
    assert parse_duration("PT24H").after(noon, chisinau) - noon == timedelta(hours=24)


@pytest.mark.parametrize("text", ["P", "PT", "P1DT", "1D", "P-1D", "P99999D", "P99Y", "P1.5D", "PT1H1D", "", None])
def test_other_durations_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_days_are_calendar_days() -> None:
    assert parse_day("2024-02-29").isoformat() == "2024-02-29"
    for wrong in ("2025-02-29", "29.02.2024", "20240229", 7):
        with pytest.raises(ValueError, match="day"):
            parse_day(wrong)


def test_a_rate_is_a_bucket_that_fills_with_time_and_remembers_so_many_names(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    limit = RateLimit(2.0, lambda: now)
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    now = 0.5
    assert [limit.allows("a"), limit.allows("a")] == [True, False]
    now = 100.0
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    monkeypatch.setattr("gateway.http.limiting.BUCKETS_MAX", 2)
    assert [limit.allows("b"), limit.allows("a")] == [True, False]
    assert limit.allows("c")
    assert list(limit._buckets) == ["a", "c"]
    assert all(RateLimit(0.0, lambda: now).allows("a") for _ in range(1000))
