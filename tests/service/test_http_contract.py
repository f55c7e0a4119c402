"""The HTTP contract, call by call: statuses, bodies, codes, scopes, and answers that are what OpenAPI says."""

import json
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from http_parts import KEY, NOW, SECRET, WALL, A, Answer, Door

from billing import commands, errors
from billing.words import Block, Channel, ChargeType, Contract, Network, OrderChannel
from gateway.http.auth import Scope
from gateway.http.signatures import sign

CHARGE = {"charge_id": "c-1", "msisdn": A, "type": "usage", "amount": "650.00"}
PAID = {"event": "paid", "order_id": "o-1", "click_id": "click-1", "goods": "1000.00", "channel": "web"}
RESERVATION = {
    "reservation_id": "h-1", "msisdn": A, "amount": "100.00", "type": "usage", "expires_in_s": 600,
}  # fmt: skip
CAMPAIGN = {"campaign_id": "spring", "texts": {"ru": "Весна", "ro": "Primavara", "en": "Spring"}, "audience": "all"}
CATALOGUE = {
    "partners": [
        {"code": "ozon", "name": "Ozon", "category": "shop", "percent": "5", "secrets": ["demo-secret-ozon"]},
        {"code": "domino", "name": "Domino's", "category": "leisure", "fixed": "100.00", "min_purchase": "1000.00"},
    ],
    "promos": [{"code": "quiz", "name": "Quiz"}],
}

CALLS: list[tuple[str, str, Any, int]] = [
    ("PUT", "/v1/tariffs/smart", {"fee": "650.00"}, 200),
    ("PUT", f"/v1/subscribers/{A}", {}, 200),
    ("GET", f"/v1/subscribers/{A}", None, 200),
    ("POST", f"/v1/subscribers/{A}/number-change", {"new_msisdn": "79160000099"}, 200),
    ("POST", f"/v1/subscribers/{A}/port-out", None, 200),
    ("POST", f"/v1/subscribers/{A}/erasure", None, 200),
    ("POST", "/v1/members", {"msisdn": A, "channel": "web", "accept_terms": True}, 201),
    ("GET", f"/v1/members/{A}", None, 200),
    ("PATCH", f"/v1/members/{A}", {"adverts": False}, 200),
    ("DELETE", f"/v1/members/{A}?channel=web&confirm=true", None, 200),
    ("POST", f"/v1/members/{A}/credit", {"credit_id": "cr-1"}, 201),
    ("POST", "/v1/adverts", CAMPAIGN, 201),
    ("PUT", "/v1/catalogue", CATALOGUE, 200),
    ("GET", "/v1/catalogue", None, 200),
    ("POST", "/v1/clicks", {"msisdn": A, "partner": "ozon"}, 201),
    ("GET", "/v1/accruals/ozon/o-1", None, 200),
    ("GET", f"/v1/subscribers/{A}/accruals", None, 200),
    ("POST", "/v1/accruals/ozon/o-1/override", {"reason": "late parcel"}, 200),
    ("POST", "/v1/promos/quiz/credits", {"action_id": "q-1", "msisdn": A, "amount": "30.00"}, 201),
    ("POST", "/v1/charges", CHARGE, 201),
    ("GET", "/v1/charges/c-1", None, 200),
    ("GET", "/v1/charges/c-1/explanation", None, 200),
    ("POST", "/v1/charges/c-1/refunds", {"refund_id": "r-1", "amount": "50.00"}, 201),
    ("POST", "/v1/topups", {"topup_id": "t-1", "msisdn": A, "amount": "800.00"}, 201),
    ("POST", "/v1/vouchers", {"voucher_id": "v-1", "msisdn": A, "amount": "400.00"}, 201),
    ("POST", "/v1/reservations", RESERVATION, 201),
    ("GET", "/v1/reservations/h-1", None, 200),
    ("POST", "/v1/reservations/h-1/commit", {"amount": "60.00"}, 200),
    ("POST", "/v1/reservations/h-1/release", None, 200),
    ("GET", "/v1/vouchers/v-1", None, 200),
    ("DELETE", "/v1/vouchers/v-1", None, 200),
    ("POST", "/v1/voucher-redemptions", {"redemption_id": "d-1", "code": "abcdefgh2345", "amount": "150.00"}, 201),
    ("GET", f"/v1/subscribers/{A}/balance", None, 200),
    ("GET", f"/v1/subscribers/{A}/statement", None, 200),
    ("GET", f"/v1/subscribers/{A}/messages", None, 200),
    ("GET", "/v1/ussd/records", None, 200),
    ("POST", "/v1/month-runs", {"period": "2025-03"}, 202),
    ("GET", "/v1/month-runs/2025-03", None, 200),
    ("GET", "/v1/clock", None, 200),
    ("POST", "/v1/clock", {"to": "2025-04-01T00:00:00+03:00"}, 200),
    ("GET", "/v1/ledger/verify", None, 200),
    ("GET", "/v1/ledger/heads", None, 200),
    ("GET", "/v1/reconciliations", None, 200),
    ("GET", "/v1/outbox", None, 200),
    ("POST", "/v1/outbox/retries", {"kind": "accrued"}, 200),
    ("GET", "/v1/outbox/accrued:ozon:o-1", None, 200),
    ("POST", "/v1/outbox/accrued:ozon:o-1/retry", None, 200),
    ("GET", "/v1/links", None, 200),
    ("POST", "/v1/links/reload", None, 200),
    ("POST", "/v1/links/smsc-1/pause", None, 200),
    ("POST", "/v1/links/smsc-1/resume", None, 200),
    ("GET", "/status", None, 200),
    ("GET", "/docs", None, 200),
]
OPEN = [
    ("GET", "/healthz", None, 200),
    ("GET", "/readyz", None, 200),
    ("GET", "/metrics", None, 200),
    ("GET", "/openapi.json", None, 200),
    ("GET", "/login", None, 200),
    ("GET", "/login.js", None, 200),
    ("POST", "/login", {"key": KEY}, 200),
]


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.mark.parametrize(("method", "path", "body", "status"), CALLS + OPEN)
def test_every_call_answers_with_its_status_and_documented_body(
    door: Door, method: str, path: str, body: Any, status: int
) -> None:
    answer = door.call(method, path, body)
    assert answer.status == status, answer
    door.check_document(method, path, answer)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("method", "path", "body", "status"), CALLS)
def test_every_call_of_the_contract_needs_a_key_and_one_of_its_scopes(
    door: Door, method: str, path: str, body: Any, status: int
) -> None:
    missing = door.call(method, path, body, key=None)
    wrong = door.call(method, path, body, key="nobody's")
    assert (missing.status, missing.code) == (401, "UNAUTHORIZED")
    assert missing.raw == wrong.raw
    scopes = door.route_of(method, path).scopes
    assert scopes is not None
    for scope in Scope:
        answer = door.call(method, path, body, key=f"{scope}-key")
        if scopes and scope not in scopes:
            assert (answer.status, answer.code) == (403, "FORBIDDEN")
        else:
            assert answer.status == status


@pytest.mark.parametrize(("method", "path", "body", "status"), OPEN)
def test_pages_for_probes_need_no_key(door: Door, method: str, path: str, body: Any, status: int) -> None:
    assert door.call(method, path, body, key=None).status == status


def test_the_table_above_names_every_route(door: Door) -> None:
    named = {id(door.route_of(method, path)) for method, path, _, _ in CALLS + OPEN}
    others = {(one.method, one.path) for one in door.router.routes if id(one) not in named}
    assert others == {
        ("POST", "/v1/postbacks/{partner}"),
        ("POST", "/v1/charges/batch"),
        ("GET", "/v1/ledger/export"),
        ("POST", "/v1/bill-lines"),
        ("POST", "/v1/transfers"),
        ("POST", "/v1/cash-outs"),
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "command"),
    [
        ("POST", "/v1/charges", CHARGE, "DrawCharge"),
        ("POST", "/v1/topups", {"topup_id": "t-1", "msisdn": A, "amount": "800.00"}, "TopUp"),
        ("POST", "/v1/charges/c-1/refunds", {"refund_id": "r-1", "amount": "50.00"}, "RefundCharge"),
        ("POST", "/v1/vouchers", {"voucher_id": "v-1", "msisdn": A, "amount": "400.00"}, "IssueVoucher"),
        ("POST", "/v1/reservations", RESERVATION, "Reserve"),
        (
            "POST",
            "/v1/voucher-redemptions",
            {"redemption_id": "d-1", "code": "abcdefgh2345", "amount": "150.00"},
            "RedeemVoucher",
        ),
        ("POST", "/v1/promos/quiz/credits", {"action_id": "q-1", "msisdn": A, "amount": "30.00"}, "CreditPromo"),
        ("POST", f"/v1/members/{A}/credit", {"credit_id": "cr-1"}, "CreditOnDemand"),
    ],
)
def test_a_repetition_is_200_with_the_same_body_and_says_so(
    door: Door, method: str, path: str, body: Any, command: str
) -> None:
    first = door.call(method, path, body)
    door.ledger.hits.add(command)
    again = door.call(method, path, body)
    assert (first.status, again.status) == (201, 200)
    assert first.raw == again.raw
    assert "idempotency-hit" not in first.headers
    assert again.headers["idempotency-hit"] == "true"


REFUSALS = [
    (errors.InvalidFigure("x", field="paid_at"), 400),
    *((one("x"), 404) for one in (
        errors.UnknownSubscriber, errors.UnknownPartner, errors.UnknownOrder, errors.UnknownCharge,
        errors.UnknownReservation, errors.UnknownVoucher, errors.UnknownPromo,
    )),
    *((one("x"), 409) for one in (
        errors.Conflict, errors.AlreadyMember, errors.ConfirmLapse, errors.Expired, errors.WrongState,
    )),
    *((one("x"), 422) for one in (
        errors.TermsRequired, errors.BlockedInvestigation, errors.BlockedMnp, errors.BlockedFinal,
        errors.FullFormRequired, errors.NotMember, errors.UnknownTariff, errors.CeilingBroken,
        errors.InsufficientFunds, errors.ExceedsHold, errors.ExceedsCharge, errors.ExceedsPrice, errors.NotDue,
        errors.NotEligible, errors.TransferNotAvailable, errors.NoCashOut,
    )),
]  # fmt: skip


@pytest.mark.parametrize(("refusal", "status"), REFUSALS)
def test_each_refusal_has_the_status_of_its_code(door: Door, refusal: errors.LedgerRefusal, status: int) -> None:
    door.ledger.fails["DrawCharge"] = refusal
    answer = door.call("POST", "/v1/charges", CHARGE)
    assert (answer.status, answer.code) == (status, refusal.code)
    assert answer.body["detail"] == "x"
    assert answer.body["type"] == "about:blank"
    assert answer.body.get("field") == refusal.field


def test_the_refusals_above_are_all_there_are() -> None:
    known = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.LedgerRefusal)}
    assert {type(refusal) for refusal, _ in REFUSALS} == known - {errors.LedgerRefusal}


def test_a_charge_is_drawn_as_asked_and_shown_with_its_steps(door: Door) -> None:
    body = CHARGE | {"occurred_at": "2025-03-03T11:00:00+03:00", "msisdn": "+7 916 000-00-01"}
    assert door.call("POST", "/v1/charges", body).body == {
        "charge_id": "c-1",
        "msisdn": A,
        "type": "usage",
        "amount": "650.00",
        "cashback": "150.00",
        "main": "500.00",
        "unpaid": "0.00",
        "status": "paid",
        "steps": [{"from": "cashback", "amount": "150.00"}, {"from": "main", "amount": "500.00"}],
        "booked_at": "2025-03-03T12:00:00+03:00",
    }
    assert door.ledger.commands == [
        commands.DrawCharge(
            charge_id="c-1",
            msisdn=A,
            type=ChargeType.USAGE,
            amount=65000,
            occurred_at=datetime(2025, 3, 3, 8, tzinfo=UTC),
        )
    ]


def test_a_charge_as_it_stands_adds_up_with_what_was_settled_and_given_back(door: Door) -> None:
    shown = door.call("GET", "/v1/charges/c-1").body
    sums = {name: shown[name] for name in ("amount", "cashback", "main", "unpaid", "status")}
    assert sums == {
        "amount": "650.00", "cashback": "150.00", "main": "350.00", "unpaid": "100.00", "status": "part_paid",
    }  # fmt: skip
    assert shown["refunds"][0]["refund_id"] == "r-1"
    assert shown["settlements"] == [{"topup_id": "t-1", "amount": "100.00", "booked_at": "2025-03-03T12:00:00+03:00"}]
    assert door.call("GET", "/v1/charges/c-2").code == "UNKNOWN_CHARGE"


def test_a_subscriber_shown_may_be_put_back_unchanged(door: Door) -> None:
    shown = door.call("GET", f"/v1/subscribers/{A}").body
    assert shown["membership"] == "none"
    assert shown["subscription_id"] == str(2**61)
    put = door.call("PUT", f"/v1/subscribers/{A}", shown)
    assert (put.status, put.body) == (200, shown)
    command = door.ledger.commands[-1]
    assert isinstance(command, commands.PutSubscriber)
    assert (command.tariff, command.time_zone, command.credit_limit) == (None, None, 0)
    other = door.call("PUT", "/v1/subscribers/79160000002", shown)
    assert (other.status, other.body["field"]) == (400, "msisdn")


def test_joining_defaults_to_the_login_form_the_configured_terms_and_no_adverts(door: Door) -> None:
    joined = door.call("POST", "/v1/members", {"msisdn": A, "channel": "app", "accept_terms": True, "form": None})
    assert joined.body == {
        "msisdn": A, "membership": "active", "joined_at": "2025-03-03T12:00:00+03:00", "welcome_bonus": "50.00",
    }  # fmt: skip
    assert door.ledger.commands == [
        commands.RegisterMember(msisdn=A, channel=Channel.APP, accept_terms=True, terms_version="9")
    ]
    door.call(
        "POST",
        "/v1/members",
        {
            "msisdn": A, "channel": "web", "terms_version": "2", "form": "full", "full_name": "Иван Петров",
            "birth_date": "1990-02-28", "email": "ivan@example.com", "adverts": True, "adverts_text_version": "3",
        },
    )  # fmt: skip
    command = door.ledger.commands[-1]
    assert isinstance(command, commands.RegisterMember)
    assert (command.accept_terms, command.terms_version, command.birth_date) == (False, "2", date(1990, 2, 28))


def test_consents_are_shown_with_version_source_and_instant(door: Door) -> None:
    shown = door.call("GET", f"/v1/members/{A}").body
    at = "2025-03-03T12:00:00+03:00"
    assert shown["terms"] == {"version": "1", "accepted_at": at, "source": "web"}
    assert shown["adverts"] == {"on": True, "version": "3", "source": "web", "at": at}
    assert door.call("GET", "/v1/members/79160000002").code == "UNKNOWN_SUBSCRIBER"


def test_leaving_must_be_confirmed(door: Door) -> None:
    lapses = {"bonus": "80.00", "pending": "35.00", "cashback": "0.00"}
    door.ledger.fails["LeaveProgramme"] = errors.ConfirmLapse("confirm", details={"lapses": lapses})
    asked = door.call("DELETE", f"/v1/members/{A}?channel=contact_centre")
    assert (asked.status, asked.code, asked.body["lapses"]) == (409, "CONFIRM_LAPSE", lapses)
    door.ledger.fails.clear()
    left = door.call("DELETE", f"/v1/members/{A}?channel=web&confirm=true")
    assert (left.status, left.body) == (200, {"lapsed": "80.00"})
    assert [one.confirm for one in door.ledger.commands] == [False, True]  # type: ignore[union-attr]
    for query in ("", "?channel=site", "?channel=web&confirm=yes", "?channel=web&channel=app", "?channel=web&x=1"):
        assert door.call("DELETE", f"/v1/members/{A}{query}").status == 400


def test_the_catalogue_is_replaced_whole_and_never_shows_secrets(door: Door) -> None:
    put = door.call("PUT", "/v1/catalogue", CATALOGUE)
    assert put.status == 200
    assert door.directory.kept["ozon"] == ("demo-secret-ozon",)
    shown = door.call("GET", "/v1/catalogue")
    assert b"secret" not in shown.raw
    ozon, domino = shown.body["partners"]
    assert (ozon["percent"], "fixed" in ozon) == ("5", False)
    assert (domino["fixed"], domino["min_purchase"], "percent" in domino) == ("100.00", "1000.00", False)
    before = door.directory.document
    assert door.call("PUT", "/v1/catalogue", shown.body).status == 200
    assert door.directory.document == before
    assert door.directory.kept["ozon"] == ("demo-secret-ozon",)


@pytest.mark.parametrize(
    ("category", "percent", "limit"), [("shop", "25.01", "25"), ("travel", "15.5", "15"), ("leisure", "51", "50")]
)
def test_a_percent_above_its_ceiling_refuses_the_whole_catalogue(
    door: Door, category: str, percent: str, limit: str
) -> None:
    edge = {"code": "edge", "name": "Edge", "category": category, "percent": percent}
    refused = door.call("PUT", "/v1/catalogue", {"partners": [*CATALOGUE["partners"], edge]})
    assert (refused.status, refused.code) == (422, "CEILING")
    assert refused.body["field"] == "partners[2].percent"
    assert (refused.body["partner"], refused.body["limit"]) == ("edge", limit)
    assert "Edge" in refused.body["detail"]
    assert door.directory.document.partners == ()
    assert door.call("PUT", "/v1/catalogue", {"partners": [edge | {"percent": limit}]}).status == 200


@pytest.mark.parametrize(
    ("partners", "promos", "field"),
    [
        ([{"percent": "5", "fixed": "1.00"}], [], "partners[0]"),
        ([{}], [], "partners[0]"),
        ([{"percent": "0"}], [], "partners[0].percent"),
        ([{"percent": "5", "secrets": ["1", "2", "3"]}], [], "partners[0].secrets"),
        ([{"percent": "5", "secrets": ["a b"]}], [], "partners[0].secrets[0]"),
        ([{"percent": "5", "name": "a\nb"}], [], "partners[0].name"),
        ([{"percent": "5", "name": "a\u202eb"}], [], "partners[0].name"),
        ([{"percent": "5"}, {"percent": "6"}], [], "partners[1].valid_from"),
        ([{"percent": "5"}], [{"amount": "1.00", "percent": "5"}], "promos[0]"),
        ([{"percent": "5"}], [{"partner": "other"}], "promos[0].partner"),
        ([{"percent": "5"}], [{}, {}], "promos[1].code"),
        ([{"percent": "5"}], [{"from": "2025-04-01T00:00:00Z", "to": "2025-04-01T00:00:00Z"}], "promos[0]"),
    ],
)
def test_a_malformed_catalogue_names_the_field(
    door: Door, partners: list[Any], promos: list[Any], field: str
) -> None:
    whole = {
        "partners": [{"code": "p", "name": "P", "category": "shop", **one} for one in partners],
        "promos": [{"code": "q", "name": "Q", **one} for one in promos],
    }
    refused = door.call("PUT", "/v1/catalogue", whole)
    assert (refused.status, refused.body["field"]) == (400, field)


def test_every_partner_above_its_ceiling_is_named(door: Door) -> None:
    partners = [
        {"code": "a", "name": "A", "category": "shop", "percent": "25.01"},
        {"code": "b", "name": "B", "category": "shop", "percent": "25"},
        {"code": "c", "name": "C", "category": "travel", "percent": "16"},
    ]
    refused = door.call("PUT", "/v1/catalogue", {"partners": partners})
    assert (refused.status, refused.code, refused.body["field"]) == (422, "CEILING", "partners[0].percent")
    assert [(one["field"], one["limit"]) for one in refused.body["errors"]] == [
        ("partners[0].percent", "25"),
        ("partners[2].percent", "15"),
    ]


def test_a_partner_may_have_any_name_that_fits_a_line_and_any_secret_that_fits_a_header(door: Door) -> None:
    one = {"code": "p", "name": "Я" * 200, "category": "shop", "percent": "5", "secrets": ["s", "t" * 128]}
    assert door.call("PUT", "/v1/catalogue", {"partners": [one]}).status == 200
    assert door.call("PUT", "/v1/catalogue", {"partners": [one | {"name": "Я" * 201}]}).status == 400


def test_two_versions_of_one_partner_are_told_apart_by_their_start(door: Door) -> None:
    one = {"code": "p", "name": "P", "category": "shop", "percent": "5"}
    later = one | {"percent": "6", "valid_from": "2025-04-01T00:00:00+03:00"}
    assert door.call("PUT", "/v1/catalogue", {"partners": [one, later]}).status == 200
    assert door.call("GET", "/v1/catalogue").body["partners"][1]["valid_from"] == "2025-04-01T00:00:00+03:00"


def postback(door: Door, body: Any, *, partner: str = "ozon", secret: str = SECRET, at: int = int(WALL)) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return door.call("POST", f"/v1/postbacks/{partner}", raw, key=None, Firstcharge_Signature=sign(raw, secret, at))


def test_a_signed_postback_is_recorded_whatever_its_fate(door: Door) -> None:
    told = postback(door, PAID | {"delivery": "300.00", "paid_at": "2025-03-03T11:59:00+03:00"})
    assert told.status == 200
    assert told.body == {
        "order_id": "o-1", "state": "pending", "reason": None, "reward": "50.00", "spendable_from": "2025-04-01",
    }  # fmt: skip
    assert door.ledger.commands == [
        commands.OrderPaid(
            partner="ozon", order_id="o-1", click_id="click-1", goods=100000, delivery=30000,
            channel=OrderChannel.WEB, paid_at=datetime(2025, 3, 3, 8, 59, tzinfo=UTC),
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "command"),
    [
        ({"event": "confirmed"}, commands.OrderConfirmed(partner="ozon", order_id="o-1")),
        ({"event": "confirmed", "goods": "9.00"}, commands.OrderConfirmed(partner="ozon", order_id="o-1", goods=900)),
        ({"event": "rejected"}, commands.OrderRejected(partner="ozon", order_id="o-1")),
        ({"event": "amended", "goods": "9.00"}, commands.OrderAmended(partner="ozon", order_id="o-1", goods=900)),
        ({"event": "returned"}, commands.OrderReturned(partner="ozon", order_id="o-1")),
        (
            {"event": "returned", "returned_goods": "9.00"},
            commands.OrderReturned(partner="ozon", order_id="o-1", returned_goods=900),
        ),
    ],
)
def test_each_event_is_its_command(door: Door, event: dict[str, Any], command: commands.Command) -> None:
    assert postback(door, {"order_id": "o-1"} | event, secret="s2-secret").status == 200
    assert door.ledger.commands == [command]


def test_a_bad_stale_or_unknown_signature_is_one_and_the_same_401_before_the_body_is_read(door: Door) -> None:
    raw = json.dumps(PAID).encode()
    answers = [
        door.call("POST", "/v1/postbacks/ozon", raw, key=None),
        postback(door, PAID, secret="another"),
        postback(door, PAID, at=int(WALL) - 301),
        postback(door, PAID, at=int(WALL) + 301),
        postback(door, PAID, partner="nobody"),
        postback(door, b"not json", secret="another"),
        door.call("POST", "/v1/postbacks/ozon", raw, Firstcharge_Signature="t=1,v1=zz"),
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.raw for answer in answers}) == 1
    assert door.ledger.commands == []
    assert door.rejected == ["signature"] * len(answers)
    assert postback(door, PAID, at=int(WALL) - 300).status == 200


def test_a_signed_but_malformed_postback_names_what_is_wrong(door: Door) -> None:
    assert postback(door, b"not json").status == 400
    assert postback(door, {"event": "melted"}).body["field"] == "event"
    wrong = postback(door, {"event": "paid", "order_id": "", "goods": 5, "channel": "fax"})
    assert {one["field"] for one in wrong.body["errors"]} == {"order_id", "goods", "channel"}
    assert door.rejected == ["malformed"] * 3


def test_a_known_order_with_other_figures_is_refused_counted_and_raises_an_alarm(door: Door) -> None:
    """Scenario 16, rule 22."""
    door.ledger.fails["OrderConfirmed"] = errors.Conflict("this order is confirmed with other figures", field="goods")
    refused = postback(door, {"event": "confirmed", "order_id": "o-1", "goods": "9.00"})
    assert (refused.status, refused.code, refused.body["field"]) == (409, "CONFLICT", "goods")
    assert (door.rejected, door.conflicted) == (["conflict"], ["ozon:o-1"])


def test_a_partners_key_sees_its_own_orders_only(door: Door) -> None:
    assert door.call("GET", "/v1/accruals/ozon/o-1", key="ozon-key").status == 200
    own, others = (
        door.call("GET", path, key="ozon-key") for path in ("/v1/accruals/ozon/o-9", "/v1/accruals/lamoda/o-1")
    )
    assert (own.status, own.code) == (others.status, others.code) == (404, "UNKNOWN_ORDER")
    assert door.call("GET", "/v1/accruals/lamoda/o-1", key="care-key").status == 200
    assert door.call("POST", "/v1/clicks", {"msisdn": A, "partner": "lamoda"}, key="ozon-key").status == 404
    assert door.call("POST", "/v1/clicks", {"msisdn": A, "partner": "ozon"}, key="ozon-key").status == 201


def test_a_partners_key_rewards_through_its_own_promotions_only(door: Door) -> None:
    promos = [
        {"code": "all", "name": "All"},
        {"code": "own", "name": "Own", "partner": "ozon"},
        {"code": "others", "name": "Others", "partner": "lamoda"},
    ]
    partners = [{"code": one, "name": one, "category": "shop", "percent": "5"} for one in ("ozon", "lamoda")]
    assert door.call("PUT", "/v1/catalogue", {"partners": partners, "promos": promos}).status == 200
    body = {"action_id": "a-1", "msisdn": A, "amount": "30.00"}
    for promo, status in (("own", 201), ("others", 404), ("all", 404), ("none", 404)):
        assert door.call("POST", f"/v1/promos/{promo}/credits", body, key="ozon-key").status == status
        assert door.call("POST", f"/v1/promos/{promo}/credits", body, key="partner-key").status == 201
    assert len(door.ledger.commands) == 5


@pytest.mark.parametrize("body", [None, b"{}", b"garbage", b'{"to":"79160000002","amount":"100.00"}'])
def test_cashback_never_becomes_money_or_somebody_elses(door: Door, body: bytes | None) -> None:
    assert (door.call("POST", "/v1/transfers", body).status, door.call("POST", "/v1/cash-outs", body).status) == (
        422,
        422,
    )
    assert door.call("POST", "/v1/transfers", body).code == "TRANSFER_NOT_AVAILABLE"
    assert door.call("POST", "/v1/cash-outs", body).code == "NO_CASH_OUT"


def test_the_balance_shows_every_sum(door: Door) -> None:
    assert door.call("GET", f"/v1/subscribers/{A}/balance").body == {
        "main": "-5.00",
        "cashback": "150.00",
        "bonus": "80.00",
        "bonus_due_on": "2025-04-01",
        "bonus_held": "0.00",
        "pending": "35.00",
        "held": {"main": "0.00", "cashback": "0.00"},
        "carry_over": "1.00",
        "unpaid": "1.00",
        "currency": "RUB",
        "as_of": "2025-03-03T12:00:00+03:00",
    }


def test_a_statement_goes_on_where_its_cursor_says(door: Door) -> None:
    query = "from=2025-03-01T00:00:00%2B03:00&to=2025-04-01T00:00:00+03:00"
    first = door.call("GET", f"/v1/subscribers/{A}/statement?{query}").body
    assert len(first["items"]) == 200
    assert first["next_cursor"] == str(first["items"][-1]["entry_no"])
    assert door.reads.asked[:2] == (datetime(2025, 2, 28, 21, tzinfo=UTC), datetime(2025, 3, 31, 21, tzinfo=UTC))
    door.call("GET", f"/v1/subscribers/{A}/statement?cursor={first['next_cursor']}")
    assert door.reads.asked[2] == int(first["next_cursor"])
    for query in ("cursor=x%20y", "cursor=abc", "from=yesterday", "limit=5", "from=2025-03-01", "%ff=1"):
        assert door.call("GET", f"/v1/subscribers/{A}/statement?{query}").status == 400


def test_ussd_records_come_by_pages(door: Door) -> None:
    page = door.call("GET", "/v1/ussd/records?cursor=99").body
    assert page["next_cursor"] == "17"
    assert page["items"][0]["began_at"] == "2025-03-03T12:00:00+03:00"
    assert door.reads.asked[2] == 99


def test_a_month_that_was_run_says_so_and_a_future_one_is_not_due(door: Door) -> None:
    door.program.is_done = True
    again = door.call("POST", "/v1/month-runs", {"period": "2025-03"})
    assert (again.status, again.headers["idempotency-hit"], again.body["status"]) == (200, "true", "done")
    future = door.call("POST", "/v1/month-runs", {"period": "2025-04"})
    assert (future.status, future.code) == (422, "NOT_DUE")
    for period in ("2025-13", "2025-4", "x", ""):
        assert door.call("POST", "/v1/month-runs", {"period": period}).status == 400
    assert door.call("GET", "/v1/month-runs/2025-13").status == 400


def test_the_manual_clock_moves_forward_only(door: Door) -> None:
    moved = door.call("POST", "/v1/clock", {"by": "P1DT1H"})
    assert moved.body == {
        "now": "2025-03-04T13:00:00+03:00",
        "ran": [{"at": "2025-03-04T13:00:00+03:00", "what": "month"}],
    }
    back = door.call("POST", "/v1/clock", {"to": NOW.isoformat()})
    assert (back.status, back.code) == (409, "CONFLICT")
    assert door.call("POST", "/v1/clock", {"by": "-PT1S"}).code == "CONFLICT"
    assert door.call("POST", "/v1/clock", {"by": "PT0S"}).body["now"] == "2025-03-04T13:00:00+03:00"
    assert door.call("POST", "/v1/clock", {"by": "P1M"}).body["now"] == "2025-04-04T13:00:00+03:00"
    for body in ({}, {"to": None}, {"to": NOW.isoformat(), "by": "P1D"}, {"by": "1 day"}, {"by": "PT"}):
        assert door.call("POST", "/v1/clock", body).status == 400
    door.program.manual = False
    assert door.call("GET", "/v1/clock").status == 404
    assert door.call("POST", "/v1/clock", {"by": "P1D"}).status == 404


def test_verification_lists_violations(door: Door) -> None:
    assert door.call("GET", "/v1/ledger/verify").body == {"ok": True, "checked": 42, "violations": []}
    door.program.violations = [{"invariant": 4, "where": "7"}]
    broken = door.call("GET", "/v1/ledger/verify").body
    assert (broken["ok"], broken["violations"]) == (False, [{"invariant": 4, "where": "7"}])


def test_readiness_says_what_is_missing(door: Door) -> None:
    door.program.reasons = ["link smsc-1 is not bound"]
    waiting = door.call("GET", "/readyz", key=None)
    assert (waiting.status, waiting.code, waiting.body["reasons"]) == (503, "NOT_READY", door.program.reasons)


def test_the_login_cookie_opens_pages_and_nothing_else(door: Door) -> None:
    login = door.call("POST", "/login", {"key": KEY}, key=None)
    cookie = login.headers["set-cookie"].split(";")[0]
    assert "HttpOnly" in login.headers["set-cookie"]
    assert "SameSite=Strict" in login.headers["set-cookie"]
    assert door.call("GET", "/docs", key=None, Cookie=f"a=b; {cookie}").status == 200
    assert door.call("GET", "/status", key=None, Cookie=cookie).status == 200
    assert door.call("GET", "/v1/clock", key=None, Cookie=cookie).status == 401
    for forged in (
        cookie[:-1] + ("0" if cookie[-1] != "0" else "1"),
        "firstcharge=",
        "firstcharge=a.b.c",
        "firstcharge=\xff",
    ):
        assert door.call("GET", "/docs", key=None, Cookie=forged).status == 401
    door.wall += 12 * 3600 + 1
    assert door.call("GET", "/docs", key=None, Cookie=cookie).status == 401
    wrong = door.call("POST", "/login", {"key": "nobody's"}, key=None)
    assert (wrong.status, wrong.code) == (401, "UNAUTHORIZED")
    ops = door.call("POST", "/login", {"key": "care-key"}, key=None).headers["set-cookie"].split(";")[0]
    assert door.call("GET", "/status", key=None, Cookie=ops).status == 403


def test_openapi_describes_every_route_with_its_schemas(door: Door) -> None:
    document = door.call("GET", "/openapi.json", key=None).body
    assert document["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in door.router.routes}
    text = json.dumps(document)
    known = set(document["components"]["schemas"])
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) <= known
    zones = document["components"]["schemas"]["SubscriberBody"]["properties"]["time_zone"]["anyOf"][0]["enum"]
    assert {"Europe/Moscow", "Europe/Chisinau"} <= set(zones)
    leave = document["paths"]["/v1/members/{msisdn}"]["delete"]
    assert {one["name"]: one["required"] for one in leave["parameters"]} == {
        "msisdn": True, "channel": True, "confirm": False,
    }  # fmt: skip
    assert set(leave["responses"]) == {"200", "400", "401", "403", "404", "409", "422", "429", "500", "503"}


def test_the_documentation_page_lists_every_route(door: Door) -> None:
    page = door.call("GET", "/docs").raw.decode()
    assert all(f"{route.method} {route.path}" in page for route in door.router.routes)
    assert door.call("GET", "/docs").headers["content-security-policy"] == "default-src 'self'"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Mars/Base"), ("time_zone", "../../etc/passwd"), ("time_zone", "Europe"), ("time_zone", ""),
        ("time_zone", "x" * 65), ("time_zone", 3), ("language", "fr"), ("unicode", "loud"), ("imsi", "12ab"),
        ("blocks", ["stolen"]), ("blocks", "mnp"), ("contract", "family"), ("network", "roaming"),
        ("credit_limit", "-1.00"), ("credit_limit", 5), ("tariff", ""), ("age", 7),
    ],
)  # fmt: skip
def test_a_subscribers_field_that_cannot_be_is_400(door: Door, field: str, value: Any) -> None:
    refused = door.call("PUT", f"/v1/subscribers/{A}", {field: value})
    assert (refused.status, refused.code) == (400, "INVALID")
    assert refused.body["errors"][0]["field"].startswith(field)


def test_a_subscriber_is_put_with_everything_named(door: Door) -> None:
    fields = {
        "contract": "corporate", "network": "off_net", "language": "ro", "tariff": "corporate plan",
        "blocks": ["mnp", "voluntary", "mnp"], "imsi": "250011234567890", "time_zone": "Asia/Vladivostok",
        "unicode": "translit", "credit_limit": "100.00",
    }  # fmt: skip
    assert door.call("PUT", f"/v1/subscribers/{A}", fields).status == 200
    assert door.ledger.commands == [
        commands.PutSubscriber(
            msisdn=A, contract=Contract.CORPORATE, network=Network.OFF_NET, language="ro", tariff="corporate plan",
            blocks=frozenset({Block.MNP, Block.VOLUNTARY}), imsi="250011234567890", time_zone="Asia/Vladivostok",
            unicode="translit", credit_limit=10000,
        )
    ]  # fmt: skip
    assert door.call("PUT", f"/v1/subscribers/{A}", {"blocks": []}).status == 200
    assert door.ledger.commands[-1] == commands.PutSubscriber(msisdn=A, blocks=frozenset())


def test_a_tariff_may_be_free_and_its_code_is_any_id(door: Door) -> None:
    assert door.call("PUT", "/v1/tariffs/corporate%20plan", {"fee": "0.00"}).body == {
        "code": "corporate plan",
        "fee": "0.00",
    }
    assert door.directory.tariffs == {"corporate plan": 0}
    assert door.call("PUT", "/v1/tariffs/smart", {"fee": "-1.00"}).status == 400


def test_promotions_keep_their_dates_and_percents(door: Door) -> None:
    promo = {
        "code": "spring", "name": "Spring", "percent": "30", "partner": "ozon", "uncapped": True,
        "from": "2025-03-01T00:00:00+03:00", "to": "2025-04-01T00:00:00+03:00",
    }  # fmt: skip
    put = door.call("PUT", "/v1/catalogue", {"partners": CATALOGUE["partners"], "promos": [promo]})
    assert put.body["promos"] == [promo | {"amount": None}]


def test_a_clock_moves_no_further_than_instants_go(door: Door) -> None:
    door.program.at = datetime(2199, 12, 31, tzinfo=UTC)
    assert door.call("POST", "/v1/clock", {"by": "P10D"}).body["field"] == "by"
