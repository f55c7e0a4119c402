"""Days that do not exist, instants too early and too late, clocks that jump; and whose orders a key may see."""

import hashlib
import json
from typing import Any

import pytest
from hosted import Hosted
from said import Starting
from signing import signature
from system import A, B, Reply, http_call

ORDER = {"goods": "1000.00", "channel": "web"}


def keys(*kinds: tuple[str, str, str | None]) -> str:
    """[[keys]] of (key, scope, partner)."""
    tables = []
    for key, scope, partner in kinds:
        digest = hashlib.sha256(key.encode()).hexdigest()
        bound = f'partner = "{partner}"\n' if partner else ""
        tables.append(f'[[keys]]\nname = "{key}"\nhash = "sha256:{digest}"\nscopes = ["{scope}"]\n{bound}')
    return "".join(tables)


def test_instants_ahead_of_the_clock_are_refused_beyond_five_minutes(system: Hosted) -> None:
    system.member(A, main="10.00")
    clicked = system.click(A, clicked_at="2025-03-03T12:05:00+03:00")["click_id"]
    ahead = "2025-03-03T12:05:00.000001+03:00"
    for reply in (
        system.api("POST", "/v1/clicks", {"msisdn": A, "partner": "ozon", "clicked_at": ahead}),
        system.event("ozon", "paid", "o-1", click_id=clicked, **ORDER, paid_at=ahead),
        system.api(
            "POST",
            "/v1/charges",
            {"charge_id": "c", "msisdn": A, "type": "usage", "amount": "1.00", "occurred_at": ahead},
        ),
    ):
        assert system.refused(reply, 400, "INVALID")["field"] in {"clicked_at", "paid_at", "occurred_at"}
    at = system.event("ozon", "paid", "o-1", click_id=clicked, **ORDER, paid_at="2025-03-03T12:05:00+03:00")
    assert at.body["state"] == "pending"


def test_what_lies_before_the_programme_is_recorded_and_counts_for_nothing(system: Hosted) -> None:
    system.member(A, main="10.00")
    for number, paid_at in enumerate(("1970-01-01T00:00:00Z", "2000-02-29T12:00:00+03:00", "2025-03-03T11:59:59Z")):
        if paid_at.startswith("2025"):
            continue
        told = system.event("ozon", "paid", f"o-{number}", click_id=None, **ORDER, paid_at=paid_at)
        assert (told.body["state"], told.body["reason"]) == ("rejected", "NO_CLICK")
    body = {"charge_id": "c", "msisdn": A, "type": "usage", "amount": "1.00", "occurred_at": "2020-02-29T00:00:00Z"}
    assert system.api("POST", "/v1/charges", body).status == 201
    for wrong in ("1969-12-31T23:59:59Z", "2025-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "0000-00-00T00:00:00Z"):
        refused = system.api("POST", "/v1/charges", body | {"charge_id": "d", "occurred_at": wrong})
        assert system.refused(refused, 400, "INVALID")["field"] == "occurred_at"


@pytest.mark.rule(20)
def test_ninety_days_count_the_29th_of_february(started: Starting) -> None:
    system = started(clock_start="2024-01-15T12:00:00+03:00")
    system.member(A)
    for order in ("o-1", "o-2"):
        system.paid("ozon", A, order, "1000.00")
    system.clock_to("2024-04-14T23:59:59+03:00")
    assert system.shop("ozon", "o-1", "confirm").body["state"] == "accrued"
    system.clock_to("2024-04-15T00:00:00+03:00")
    assert system.shop("ozon", "o-2", "confirm").body["reason"] == "LATE"


@pytest.mark.rule(20)
@pytest.mark.parametrize(
    ("zone", "paid", "last", "late"),
    [
        ("America/New_York", "2025-01-15T14:00:00-05:00", "2025-04-16T03:59:59Z", "2025-04-16T04:00:00Z"),
        ("Europe/Berlin", "2025-08-15T14:00:00+02:00", "2025-11-13T22:59:59Z", "2025-11-13T23:00:00Z"),
        ("America/Havana", "2024-12-08T12:00:00-05:00", "2025-03-09T04:59:59Z", "2025-03-09T05:00:00Z"),
    ],
    ids=["spring", "autumn", "no-midnight"],
)
def test_ninety_days_end_with_a_day_of_the_operators_calendar_also_where_clocks_jump(
    started: Starting, zone: str, paid: str, last: str, late: str
) -> None:
    system = started(environ={"FIRSTCHARGE__PROGRAMME__ZONE": zone}, clock_start=paid)
    system.member(A)
    for order in ("o-1", "o-2"):
        system.paid("ozon", A, order, "1000.00")
    system.clock_to(last)
    assert system.shop("ozon", "o-1", "confirm").body["state"] == "accrued"
    system.clock_to(late)
    assert system.shop("ozon", "o-2", "confirm").body["reason"] == "LATE"


@pytest.mark.rule(39)
@pytest.mark.parametrize(
    ("zone", "night", "morning"),
    [
        ("America/New_York", "2025-03-08T22:00:00-05:00", "2025-03-09T13:00:00Z"),
        ("Europe/Berlin", "2025-10-25T22:00:00+02:00", "2025-10-26T08:00:00Z"),
    ],
    ids=["spring", "autumn"],
)
def test_nine_in_the_morning_is_nine_on_the_clock_also_after_it_was_put_forward_or_back(
    started: Starting, zone: str, night: str, morning: str
) -> None:
    system = started(environ={"FIRSTCHARGE__PROGRAMME__ZONE": zone}, clock_start=night)
    system.member(A)
    system.promo(A, "1.00", "q-1")
    [held] = [one for one in system.outbox(A) if one["kind"] == "accrued"]
    assert held["state"] == "held"
    before = morning.replace("13:00:00Z", "12:59:59Z").replace("08:00:00Z", "07:59:59Z")
    system.clock_to(before)
    assert system.told(A) == []
    system.clock_to(morning)
    assert len(system.told(A)) == 1


def test_birthdays_exist(system: Hosted) -> None:
    system.subscriber(A, network="off_net")
    form = {"form": "full", "full_name": "Ana", "email": "a@b.md"}
    for day in ("1999-02-29", "1900-02-29", "2025-03-04", "1899-12-31", "2000-13-01", "2000-00-10", "29.02.2000"):
        system.refused(system.join(A, **form, birth_date=day), 400, "INVALID")
    assert system.join(A, **form, birth_date="2000-02-29").status == 201


def test_a_partners_key_sees_and_touches_its_own_orders_only(started: Starting) -> None:
    config = keys(
        ("ozon-shop", "partner", "ozon"),
        ("any-shop", "partner", None),
        ("desk", "care", None),
        ("bills", "billing", None),
    )
    system = started(config=config)
    system.member(A)
    system.accrue(A, "50.00", "o-1")
    system.paid("lamoda", A, "l-1", "1000.00")
    system.forget(A)

    def ask(key: str, method: str, path: str, body: Any = None) -> Reply:
        return http_call(system.http_port, method, path, body, {"Authorization": f"Bearer {key}"})

    assert ask("ozon-shop", "GET", "/v1/accruals/ozon/o-1").status == 200
    assert ask("any-shop", "GET", "/v1/accruals/lamoda/l-1").status == 200
    for order in ("l-1", "nobody-bought"):
        hidden = ask("ozon-shop", "GET", f"/v1/accruals/lamoda/{order}")
        assert (hidden.status, hidden.body["code"]) == (404, "UNKNOWN_ORDER")
    other = ask("ozon-shop", "POST", "/v1/clicks", {"msisdn": A, "partner": "lamoda"})
    assert (other.status, other.body["code"]) in {(404, "UNKNOWN_PARTNER"), (403, "FORBIDDEN")}
    assert ask("ozon-shop", "POST", "/v1/clicks", {"msisdn": A, "partner": "ozon"}).status == 201
    for method, path, body in (
        ("GET", f"/v1/subscribers/{A}/accruals", None),
        ("GET", f"/v1/subscribers/{A}/balance", None),
        ("GET", f"/v1/subscribers/{A}/statement", None),
        ("GET", f"/v1/members/{A}", None),
        ("POST", "/v1/charges", {"charge_id": "c", "msisdn": A, "type": "usage", "amount": "1.00"}),
        ("POST", "/v1/accruals/ozon/o-1/override", {"reason": "mine"}),
        ("PUT", "/v1/catalogue", {"partners": []}),
        ("POST", "/v1/clock", {"by": "P1D"}),
    ):
        assert ask("ozon-shop", method, path, body).status == 403, path
    quiz = ask("ozon-shop", "POST", "/v1/promos/quiz/credits", {"action_id": "q", "msisdn": A, "amount": "1.00"})
    assert quiz.status in {403, 404}
    for key, path in (("desk", "/v1/charges"), ("bills", "/v1/members")):
        assert ask(key, "POST", path, {}).status == 403
    assert system.happened(A) == ([], [])


def test_an_event_signed_by_another_partner_is_401_like_any_other_wrong_signature(system: Hosted) -> None:
    system.member(A)
    system.member(B)
    system.paid("ozon", A, "o-1", "1000.00")
    event = {"event": "confirmed", "order_id": "o-1"}
    for partner, secret in (("ozon", "demo-secret-lamoda"), ("nobody", "demo-secret-nobody"), ("ozon", "")):
        refused = http_call(
            system.http_port,
            "POST",
            f"/v1/postbacks/{partner}",
            event,
            {"Firstcharge-Signature": _signed(event, secret)} if secret else {},
        )
        assert (refused.status, refused.body["code"]) == (401, "UNAUTHORIZED")
    lamodas = system.event("lamoda", "confirmed", "o-1")
    system.refused(lamodas, 404, "UNKNOWN_ORDER")
    assert system.accrual("ozon", "o-1")["state"] == "pending"


def _signed(event: Any, secret: str) -> str:
    return signature(secret, json.dumps(event).encode())
