"""Rules 19 to 23: promotions, what a shop tells later, returns."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hosted import Hosted
from said import FIRST, NINE, Starting
from system import A, B, Reply

OZON = {"code": "ozon", "name": "Ozon", "category": "shop", "percent": "5", "secrets": ["demo-secret-ozon"]}
EARNED_50 = ("programme_expense", "bonus", "50.00")
ACCRUED_50 = "Начислено 50 р кэшбэка: Ozon. Доступно с 01.04. Баланс: *100*1#"
NOTHING: tuple[list[Any], list[Any]] = ([], [])


def fate(reply: Reply) -> tuple[Any, Any, Any]:
    assert reply.status == 200, reply
    return reply.body["state"], reply.body["reason"], reply.body["reward"]


def reduced(amount: str) -> str:
    return f"Возврат Ozon: кэшбэк уменьшен на {amount} р. Баланс: *100*1#"


@pytest.mark.rule(19)
def test_a_target_action_accrues_at_once_once_per_promotion_and_action(system: Hosted) -> None:
    promos = [{"code": "quiz", "name": "Quiz"}, {"code": "own", "name": "Own", "amount": "15.00"}]
    system.ok("PUT", "/v1/catalogue", {"partners": [OZON], "promos": promos})
    system.member(A)
    system.member(B)

    def credit(promo: str, **body: Any) -> Reply:
        return system.api("POST", f"/v1/promos/{promo}/credits", {"msisdn": A} | body)

    first = credit("quiz", action_id="a-1", amount="30.00")
    assert (first.status, system.balance(A)["bonus"]) == (201, "80.00")
    assert credit("quiz", action_id="a-1", amount="30.00").headers["Idempotency-Hit"] == "true"
    system.refused(credit("quiz", action_id="a-1", amount="31.00"), 409, "CONFLICT")
    system.refused(credit("quiz", action_id="a-1", amount="30.00", msisdn=B), 409, "CONFLICT")
    assert credit("own", action_id="a-1").body["amount"] == "15.00"
    system.refused(credit("nope", action_id="a-2", amount="1.00"), 404, "UNKNOWN_PROMO")
    told = [
        f"Начислено {sum_} р кэшбэка: {name}. Доступно с 01.04. Баланс: *100*1#"
        for sum_, name in (("30", "Quiz"), ("15", "Own"))
    ]
    assert system.happened(A) == (
        [("programme_expense", "bonus", "30.00"), ("programme_expense", "bonus", "15.00")],
        told,
    )
    assert system.happened(B) == NOTHING


@pytest.mark.rule(20)
@pytest.mark.switch("confirm_days_max", "90")
def test_from_day_91_an_order_is_late_swept_or_not_and_an_operator_may_override_it(started: Starting) -> None:
    system = started(clock_start="2025-01-15T14:00:00+03:00")
    system.member(A)
    for order in ("o-1", "o-2", "o-3"):
        system.paid("ozon", A, order, "1000.00", paid_at="2025-01-15T14:00:00+03:00")
    system.clock_to("2025-04-15T23:59:59+03:00")
    assert fate(system.event("ozon", "confirmed", "o-1")) == ("accrued", None, "50.00")
    system.clock_to("2025-04-16T00:00:00+03:00")
    assert system.accrual("ozon", "o-2")["state"] == "expired"
    assert fate(system.event("ozon", "confirmed", "o-2")) == ("expired", "LATE", "0.00")
    assert fate(system.event("ozon", "rejected", "o-2")) == ("expired", "LATE", "0.00")
    assert system.balance(A)["pending"] == "0.00"
    system.clock_to("2025-04-16T09:00:00+03:00")
    system.forget(A)
    override = system.api("POST", "/v1/accruals/ozon/o-2/override", {"reason": "the shop was on strike"})
    assert fate(override)[0] == "accrued"
    assert system.accrual("ozon", "o-2")["override_reason"] == "the shop was on strike"
    assert system.happened(A) == (
        [EARNED_50],
        ["Начислено 50 р кэшбэка: Ozon. Доступно с 01.05. Баланс: *100*1#"],
    )
    system.clock_to("2025-05-01T00:00:00+03:00")
    assert system.accrual("ozon", "o-1")["state"] == system.accrual("ozon", "o-2")["state"] == "credited"
    assert fate(system.event("ozon", "confirmed", "o-3")) == ("expired", "LATE", "0.00")


@pytest.mark.rule(20)
@pytest.mark.switch("confirm_days_max", "10")
def test_the_limit_may_be_shorter_for_all_and_for_one_partner_never_longer(started: Starting) -> None:
    system = started(confirm_days_max="10")
    shorter = OZON | {"confirm_days": 3}
    longer = OZON | {"code": "lamoda", "name": "Lamoda", "confirm_days": 60, "secrets": ["demo-secret-lamoda"]}
    assert system.api("PUT", "/v1/catalogue", {"partners": [shorter, longer]}).status == 200
    system.member(A)
    for order in ("o-1", "o-2"):
        for partner in ("ozon", "lamoda"):
            system.paid(partner, A, order, "1000.00")
    system.clock_to("2025-03-06T23:59:59+03:00")
    assert fate(system.shop("ozon", "o-1", "confirm"))[0] == "accrued"
    system.clock_to("2025-03-07T00:00:00+03:00")
    assert fate(system.shop("ozon", "o-2", "confirm"))[:2] == ("expired", "LATE")
    system.clock_to("2025-03-13T23:59:59+03:00")
    assert fate(system.shop("lamoda", "o-1", "confirm"))[0] == "accrued"
    system.clock_to("2025-03-14T00:00:00+03:00")
    assert fate(system.shop("lamoda", "o-2", "confirm"))[:2] == ("expired", "LATE")


@pytest.mark.rule(21)
def test_confirmed_amended_and_rejected_post_and_tell_what_they_must(system: Hosted) -> None:
    system.member(A)
    system.paid("ozon", A, "o-1", "1000.00")
    assert fate(system.shop("ozon", "o-1", "amend", {"goods": "2000.00"})) == ("pending", None, "100.00")
    assert fate(system.shop("ozon", "o-1", "confirm", {"goods": "1000.00"})) == ("accrued", None, "50.00")
    assert system.happened(A) == ([EARNED_50], [ACCRUED_50])
    for order in ("o-2", "o-3", "o-4"):
        system.paid("ozon", A, order, "700.00")
    assert fate(system.shop("ozon", "o-2", "amend", {"goods": "19.80"})) == ("rejected", "BELOW_MIN", "0.00")
    assert fate(system.shop("ozon", "o-3", "confirm", {"goods": "0.20"})) == ("rejected", "BELOW_MIN", "0.00")
    assert system.happened(A) == ([EARNED_50], [ACCRUED_50])
    assert fate(system.shop("ozon", "o-4", "reject")) == ("rejected", "REJECTED_BY_SHOP", "0.00")
    rejected = "Кэшбэк 35 р отклонен магазином Ozon. Подробнее: *100*4#"
    assert system.happened(A) == ([EARNED_50], [ACCRUED_50, rejected])
    for event in ("confirm", "amend"):
        later = system.shop("ozon", "o-4", event, {"goods": "700.00"})
        assert fate(later) == ("rejected", "REJECTED_BY_SHOP", "0.00")
    for order, reason in (("o-5", "NO_CLICK"), ("o-6", "CHANNEL")):
        fields: dict[str, Any] = {"click": False} if reason == "NO_CLICK" else {"channel": "mobile_site"}
        assert fate(system.paid("ozon", A, order, "1000.00", **fields))[1] == reason
        assert fate(system.shop("ozon", order, "reject"))[:2] == ("rejected", reason)
    assert system.happened(A) == ([EARNED_50], [ACCRUED_50, rejected])


@pytest.mark.rule(21)
def test_events_before_paid_are_unknown_and_paid_with_other_figures_conflicts_in_every_state(system: Hosted) -> None:
    system.member(A)
    for event, fields in (("confirmed", {}), ("rejected", {}), ("amended", {"goods": "1.00"}), ("returned", {})):
        system.refused(system.event("ozon", event, "o-1", **fields), 404, "UNKNOWN_ORDER")
    clicked = system.click(A)["click_id"]
    paid = {"click_id": clicked, "goods": "1000.00", "channel": "web"}
    first = system.event("ozon", "paid", "o-1", **paid)
    for step in (None, "confirmed", "returned"):
        if step:
            system.event("ozon", step, "o-1")
        for other in ({"goods": "1000.01"}, {"delivery": "1.00"}, {"channel": "partner_app"}, {"click_id": None}):
            system.refused(system.event("ozon", "paid", "o-1", **(paid | other)), 409, "CONFLICT")
        again = system.event("ozon", "paid", "o-1", **paid)
        assert (again.status, again.body) == (200, first.body)


EVENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("paid", {}),
    ("confirmed", {}),
    ("rejected", {}),
    ("amended", {"goods": "500.00"}),
    ("returned", {}),
)


@pytest.mark.rule(22)
def test_one_event_delivered_many_times_at_once_has_one_effect_and_one_answer(system: Hosted) -> None:
    system.member(A)
    for event, given in EVENTS:
        fields = given
        if event == "paid":
            fields = {"click_id": system.click(A)["click_id"], "goods": "1000.00", "channel": "web"}
        else:
            system.paid("ozon", A, event, "1000.00")
        with ThreadPoolExecutor(4) as pool:
            told = [pool.submit(system.event, "ozon", event, event, **fields) for _ in range(6)]
            answers = [one.result() for one in told]
        assert [one.status for one in answers] == [200] * 6
        assert all(one.body == answers[0].body for one in answers)
        posted, said = system.happened(A)
        assert len(posted) == (1 if event == "confirmed" else 0)
        assert len(said) == (1 if event in {"confirmed", "rejected"} else 0)
        system.forget(A)


@pytest.mark.rule(22)
def test_other_figures_after_accrued_are_a_conflict_that_changes_nothing_and_alarms(system: Hosted) -> None:
    system.member(A)
    system.paid("ozon", A, "o-1", "1000.00")
    system.shop("ozon", "o-1", "confirm")
    before = system.accrual("ozon", "o-1")
    for event, body in (("confirm", {"goods": "2000.00"}), ("amend", {"goods": "10.00"}), ("reject", {})):
        refused = system.shop("ozon", "o-1", event, body)
        assert (refused.status, refused.body["code"]) == (409, "CONFLICT")
    assert system.accrual("ozon", "o-1") == before
    assert system.happened(A) == ([EARNED_50], [ACCRUED_50])
    assert system.ok("GET", "/status")["alarms"] == ["order ozon:o-1 was told again with other figures"]


@pytest.mark.rule(23)
def test_a_partial_return_keeps_the_reward_of_what_was_kept_and_of_the_minimum(system: Hosted) -> None:
    system.ok("PUT", "/v1/catalogue", {"partners": [OZON | {"min_purchase": "300.00"}]})
    system.member(A)
    system.accrue(A, "50.00", "o-1")
    system.forget(A)
    assert fate(system.shop("ozon", "o-1", "return", {"returned_goods": "400.00"})) == ("accrued", None, "30.00")
    assert system.happened(A) == ([("bonus", "programme_expense", "20.00")], [reduced("20")])
    again = system.shop("ozon", "o-1", "return", {"returned_goods": "400.00"})
    assert fate(again) == ("accrued", None, "30.00")
    assert fate(system.shop("ozon", "o-1", "return", {"returned_goods": "405.00"})) == ("accrued", None, "30.00")
    assert system.happened(A) == ([("bonus", "programme_expense", "20.00")], [reduced("20")])
    below = system.shop("ozon", "o-1", "return", {"returned_goods": "701.00"})
    assert fate(below) == ("reversed", "RETURNED", "0.00")
    assert system.happened(A) == (
        [("bonus", "programme_expense", "20.00"), ("bonus", "programme_expense", "30.00")],
        [reduced("20"), reduced("30")],
    )


@pytest.mark.rule(23)
def test_a_return_while_pending_recomputes_and_rejects_only_where_nothing_is_left(system: Hosted) -> None:
    system.member(A)
    system.paid("ozon", A, "o-1", "1000.00")
    assert fate(system.shop("ozon", "o-1", "return", {"returned_goods": "400.00"})) == ("pending", None, "30.00")
    assert fate(system.shop("ozon", "o-1", "return")) == ("rejected", "RETURNED", "0.00")
    assert fate(system.shop("ozon", "o-1", "confirm")) == ("rejected", "RETURNED", "0.00")
    assert system.posted(A) == []


@pytest.mark.rule(23)
@pytest.mark.switch("returns_after_credit", "claw")
def test_a_return_after_crediting_takes_bonus_then_cashback_then_nets_later_rewards_and_never_main(
    started: Starting,
) -> None:
    system = started(welcome_bonus="0.00")
    system.member(A, main="1000.00")
    system.accrue(A, "100.00", "o-1")
    system.clock_to(NINE)
    system.promo(A, "30.00", "q-1")
    assert system.charge("c-1", A, "80.00").body["cashback"] == "80.00"
    system.forget(A)
    assert fate(system.shop("ozon", "o-1", "return"))[0] == "reversed"
    taken = [("bonus", "programme_expense", "30.00"), ("cashback", "programme_expense", "20.00")]
    assert system.happened(A) == (taken, [reduced("100")])
    balance = system.balance(A)
    assert (balance["carry_over"], balance["main"]) == ("50.00", "1000.00")
    system.accrue(A, "20.00", "o-2")
    system.promo(A, "40.00", "q-2")
    netted = [
        ("programme_expense", "bonus", "20.00"),
        ("bonus", "programme_expense", "20.00"),
        ("programme_expense", "bonus", "40.00"),
        ("bonus", "programme_expense", "30.00"),
    ]
    assert system.posted(A) == taken + netted
    balance = system.balance(A)
    assert (balance["carry_over"], balance["bonus"], balance["main"]) == ("0.00", "10.00", "1000.00")
    system.clock_to("2025-05-01T00:00:00+03:00")
    assert system.posted(A)[-1] == ("bonus", "cashback", "10.00")


@pytest.mark.rule(23)
@pytest.mark.switch("returns_after_credit", "keep")
def test_a_return_after_crediting_takes_nothing_where_switched_so(started: Starting) -> None:
    system = started(returns_after_credit="keep", welcome_bonus="0.00")
    system.member(A)
    system.accrue(A, "50.00", "o-1")
    system.accrue(A, "50.00", "o-2")
    assert fate(system.shop("ozon", "o-2", "return"))[0] == "reversed"
    assert system.told(A)[-1] == reduced("50")
    system.clock_to(FIRST)
    system.clock_to(NINE)
    system.forget(A)
    assert fate(system.shop("ozon", "o-1", "return")) == ("credited", None, "50.00")
    assert system.happened(A) == NOTHING
    assert system.sums(A)[1] == "50.00"
