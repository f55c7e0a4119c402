"""Rules 1 to 11: joining, leaving, blocks, numbers that change hands."""

import pytest
from hosted import Hosted
from said import FIRST, NINE, WELCOME, Starting
from system import OFF_NET, A, B, C

REGISTERED = "Вы участник программы Кэшбэк. Бонус 50 р. Баланс: *100*1#"
NOT_A_MEMBER = "Вы не участник программы Кэшбэк. Регистрация: *100*2#"
FULL = {"form": "full", "full_name": "Ana Rusu", "birth_date": "1990-01-31", "email": "ana@example.org"}


def earned(amount: str) -> tuple[str, str, str]:
    return ("programme_expense", "bonus", amount)


@pytest.mark.rule(1)
def test_joining_is_free_on_any_tariff_through_every_channel(system: Hosted) -> None:
    tariffs: list[dict[str, str]] = [{"tariff": "smart"}, {"tariff": "zero"}, {}]
    for number, channel in enumerate(("web", "app", "site", "promo", "ussd", "sms")):
        msisdn = f"7916100000{number}"
        system.subscriber(msisdn, main="10.00", **tariffs[number % 3])
        system.forget(msisdn)
        assert system.join(msisdn, channel=channel).status == 201
        assert system.ok("GET", f"/v1/members/{msisdn}")["channel"] == channel
        assert system.happened(msisdn) == ([WELCOME], [REGISTERED])
        assert system.balance(msisdn)["main"] == "10.00"


@pytest.mark.rule(2)
def test_the_accepted_terms_are_kept_with_version_channel_and_instant(system: Hosted) -> None:
    system.subscriber(A)
    assert system.join(A, channel="app", terms_version="2025-03").status == 201
    member = system.ok("GET", f"/v1/members/{A}")
    assert member["terms"]["version"] == "2025-03"
    assert member["terms"]["accepted_at"] == "2025-03-03T12:00:00+03:00"
    assert member["channel"] == "app"


@pytest.mark.rule(3)
def test_every_block_that_stands_must_be_lifted_and_each_is_lifted_alone(system: Hosted) -> None:
    system.subscriber(A, blocks=["voluntary", "investigation", "mnp", "final"])
    for left, code in (
        (["voluntary", "mnp", "final"], "BLOCKED_INVESTIGATION"),
        (["voluntary", "final"], "BLOCKED_MNP"),
        (["voluntary"], "BLOCKED_FINAL"),
    ):
        system.refused(system.join(A), 422, code)
        system.subscriber(A, blocks=left)
    assert system.happened(A) == ([], [])
    assert system.join(A).status == 201


@pytest.mark.rule(4)
@pytest.mark.switch("welcome_bonus", "50.00")
def test_who_joined_is_a_member_from_that_instant_and_earlier_purchases_never_count(system: Hosted) -> None:
    system.subscriber(A)
    clicked = system.click(A, clicked_at="2025-03-03T11:00:00+03:00")["click_id"]
    bought = {"click_id": clicked, "goods": "1000.00", "channel": "web"}
    early = system.event("ozon", "paid", "o-1", **bought, paid_at="2025-03-03T11:59:59+03:00")
    assert early.body["reason"] == "NOT_MEMBER_AT_PURCHASE"
    assert system.join(A).status == 201
    again = system.event("ozon", "paid", "o-1", **bought, paid_at="2025-03-03T11:59:59+03:00")
    assert again.body == early.body
    confirmed = system.event("ozon", "confirmed", "o-1")
    assert (confirmed.status, confirmed.body["state"]) == (200, "rejected")
    assert system.happened(A) == ([WELCOME], [REGISTERED])


@pytest.mark.rule(4)
@pytest.mark.switch("welcome_bonus", "0.00")
def test_without_a_welcome_bonus_nothing_is_posted_and_the_sms_names_none(started: Starting) -> None:
    system = started(welcome_bonus="0.00")
    system.subscriber(A)
    assert system.join(A).body["welcome_bonus"] == "0.00"
    assert system.happened(A) == ([], ["Вы участник программы Кэшбэк. Баланс: *100*1#"])


@pytest.mark.rule(5)
def test_registering_again_is_refused_whatever_is_asked(system: Hosted) -> None:
    system.member(A)
    for fields in ({}, {"channel": "app"}, {"accept_terms": False}, FULL):
        system.refused(system.join(A, **fields), 409, "ALREADY_MEMBER")
    system.dial(A, "*100*2#")
    assert system.happened(A) == ([], [])
    assert system.ok("GET", f"/v1/members/{A}")["channel"] == "web"


@pytest.mark.rule(6)
@pytest.mark.switch("offnet_registration", "true")
def test_off_net_accrues_gets_sms_and_spends_by_voucher_alone(system: Hosted) -> None:
    system.subscriber(OFF_NET, network="off_net")
    for missing in ("full_name", "birth_date", "email"):
        form = {name: value for name, value in FULL.items() if name != missing}
        system.refused(system.join(OFF_NET, **form), 422, "FULL_FORM_REQUIRED")
    assert system.join(OFF_NET, **FULL).status == 201
    system.forget(OFF_NET)
    system.accrue(OFF_NET, "50.00", "o-1")
    accrued = "Начислено 50 р бонуса: Ozon. Можно потратить на телефон"
    assert system.happened(OFF_NET) == ([earned("50.00")], [accrued])
    assert system.shop("ozon", "o-1", "confirm").body["spendable_from"] is None
    system.refused(system.credit(OFF_NET), 422, "NOT_ELIGIBLE")
    system.clock_to(NINE)
    assert system.happened(OFF_NET) == ([earned("50.00")], [accrued])
    assert system.balance(OFF_NET)["bonus_due_on"] is None
    voucher = system.api("POST", "/v1/vouchers", {"voucher_id": "v-1", "msisdn": OFF_NET, "amount": "100.00"})
    assert voucher.status == 201
    assert system.posted(OFF_NET) == [earned("50.00"), ("bonus", "voucher", "100.00")]
    assert system.told(OFF_NET)[1:] == [f"Ваучер на телефон 100 р: {voucher.body['code']}, до 28.09.2025"]


@pytest.mark.rule(6)
@pytest.mark.switch("offnet_registration", "false")
def test_off_net_stays_out_where_it_may_not_join(started: Starting) -> None:
    system = started(offnet_registration="false")
    system.subscriber(OFF_NET, network="off_net")
    for form in ({}, FULL):
        system.refused(system.join(OFF_NET, **form), 422, "NOT_ELIGIBLE")
    assert system.happened(OFF_NET) == ([], [])
    system.subscriber(A)
    assert system.join(A).status == 201


@pytest.mark.rule(7)
def test_corporate_accrues_and_is_told_and_is_credited_by_nothing(system: Hosted) -> None:
    system.member(C, contract="corporate", tariff="smart", main="650.00")
    system.accrue(C, "50.00", "o-1")
    assert system.happened(C) == (
        [earned("50.00")],
        ["Начислено 50 р бонуса: Ozon. Можно потратить на телефон"],
    )
    system.refused(system.credit(C), 422, "NOT_ELIGIBLE")
    assert system.screen(C, "*100*1#") == "Бонус:100р\nТолько на телефон"
    assert system.screen(C, "*100#") == "Баланс:650,00р"
    system.forget(C)
    system.clock_to(NINE)
    assert system.happened(C) == ([("main", "revenue", "650.00")], [])
    assert system.sums(C) == ("100.00", "0.00", "0.00")


@pytest.mark.rule(8)
@pytest.mark.switch("leave_credited", "keep")
def test_leaving_through_every_channel_is_warned_of_first(system: Hosted) -> None:
    for number, channel in enumerate(("web", "app", "contact_centre", "ussd", "sms")):
        leaves(system, f"7916100000{number}", channel)


def leaves(system: Hosted, msisdn: str, channel: str) -> None:
    system.member(msisdn)
    warned = system.refused(system.api("DELETE", f"/v1/members/{msisdn}?channel={channel}"), 409, "CONFIRM_LAPSE")
    assert warned["lapses"] == {"bonus": "50.00", "pending": "0.00", "cashback": "0.00"}
    assert system.happened(msisdn) == ([], [])
    assert system.leave(msisdn, channel) == {"lapsed": "50.00"}
    assert system.happened(msisdn) == (
        [("bonus", "lapsed", "50.00")],
        ["Вы вышли из программы Кэшбэк. Сгорело 50 р."],
    )
    again = system.api("DELETE", f"/v1/members/{msisdn}?channel={channel}&confirm=true")
    system.refused(again, 422, "NOT_MEMBER")


@pytest.mark.rule(8)
def test_who_left_earns_nothing_and_keeps_spending_cashback_until_it_is_used_up(system: Hosted) -> None:
    system.member(A, main="10.00")
    system.cashback(A, "50.00")
    system.paid("ozon", A, "o-1", "1000.00")
    clicked = system.click(A)["click_id"]
    system.leave(A)
    assert system.told(A) == ["Вы вышли из программы Кэшбэк. Сгорело 0 р."]
    for event in ("confirmed", "rejected"):
        answer = system.event("ozon", event, "o-1")
        assert (answer.status, answer.body["state"], answer.body["reason"]) == (200, "rejected", "LEFT")
    system.clock_to("2025-03-03T12:00:01+03:00")
    late = system.event("ozon", "paid", "o-2", click_id=clicked, goods="1000.00", channel="web")
    assert late.body["state"] == "rejected"
    system.refused(
        system.api("POST", "/v1/promos/quiz/credits", {"action_id": "q", "msisdn": A, "amount": "1.00"}),
        422,
        "NOT_MEMBER",
    )
    system.refused(system.credit(A, "after"), 422, "NOT_MEMBER")
    system.forget(A)
    assert system.screen(A, "*100#") == "Баланс:10,00р\nКэшбэк:100р"
    assert system.screen(A, "*100*1#") == "Кэшбэк:100р"
    assert system.charge("c-1", A, "105.00").body["steps"] == [
        {"from": "cashback", "amount": "100.00"},
        {"from": "main", "amount": "5.00"},
    ]
    assert system.screen(A, "*100#") == "Баланс:5,00р"
    assert system.screen(A, "*100*1#") == NOT_A_MEMBER
    assert system.happened(A) == ([("cashback", "revenue", "100.00"), ("main", "revenue", "5.00")], [])


@pytest.mark.rule(9)
def test_joining_again_restores_nothing_and_asks_for_consent_anew(system: Hosted) -> None:
    system.subscriber(A)
    assert system.join(A, adverts=True, adverts_text_version="7").status == 201
    system.accrue(A, "50.00", "o-1")
    system.paid("ozon", A, "o-2", "1000.00")
    system.leave(A)
    system.clock_to("2025-03-04T12:00:00+03:00")
    system.forget(A)
    again = system.join(A, channel="app", terms_version="2")
    assert (again.status, again.body["welcome_bonus"]) == (201, "0.00")
    assert system.happened(A) == ([], ["Вы участник программы Кэшбэк. Баланс: *100*1#"])
    balance = system.balance(A)
    assert (balance["bonus"], balance["pending"], balance["cashback"]) == ("0.00", "0.00", "0.00")
    member = system.ok("GET", f"/v1/members/{A}")
    assert member["adverts"]["on"] is False
    assert (member["terms"]["version"], member["channel"]) == ("2", "app")
    assert system.event("ozon", "confirmed", "o-2").body["reason"] == "LEFT"
    assert system.accrual("ozon", "o-1")["state"] == "lapsed"


@pytest.mark.rule(10)
def test_a_number_change_moves_everything_and_the_old_number_inherits_nothing(system: Hosted) -> None:
    old, new = A, B
    system.subscriber(old, main="20.00")
    assert system.join(old, adverts=True, adverts_text_version="7").status == 201
    system.cashback(old, "70.00")
    system.promo(old, "30.00", "q-1")
    assert system.paid("ozon", old, "o-1", "700.00").body["state"] == "pending"
    before, consent = system.balance(old), system.ok("GET", f"/v1/members/{old}")["adverts"]
    identity = system.ok("GET", f"/v1/subscribers/{old}")["subscription_id"]
    moved = system.ok("POST", f"/v1/subscribers/{old}/number-change", {"new_msisdn": new})
    assert (moved["msisdn"], moved["subscription_id"]) == (new, identity)
    after = system.balance(new)
    assert {name: after[name] for name in ("main", "cashback", "bonus", "pending")} == {
        name: before[name] for name in ("main", "cashback", "bonus", "pending")
    }
    assert system.ok("GET", f"/v1/members/{new}")["adverts"] == consent
    assert system.api("GET", f"/v1/subscribers/{old}").body["code"] == "UNKNOWN_SUBSCRIBER"
    for code in ("*100#", "*100*1#"):
        assert system.screen(old, code) == NOT_A_MEMBER
    assert system.shop("ozon", "o-1", "confirm").body["state"] == "accrued"
    assert system.balance(new)["bonus"] == "65.00"
    given = system.subscriber(old)
    assert given["subscription_id"] != identity
    assert (given["membership"], system.balance(old)["cashback"], system.balance(old)["main"]) == (
        "none",
        "0.00",
        "0.00",
    )
    assert system.join(old).body["welcome_bonus"] == "50.00"
    clash = system.api("POST", f"/v1/subscribers/{old}/number-change", {"new_msisdn": new})
    system.refused(clash, 409, "CONFLICT")


@pytest.fixture
def at_stake(system: Hosted) -> Hosted:
    """A with cashback 150, bonus 70."""
    system.member(A)
    system.cashback(A, "100.00")
    system.promo(A, "70.00", "q-1")
    system.forget(A)
    return system


WARNED = "При переходе к другому оператору сгорит кэшбэк 220 р"


@pytest.mark.rule(11)
def test_a_port_out_is_warned_of_once_and_a_cancelled_one_loses_nothing(at_stake: Hosted) -> None:
    system = at_stake
    for blocks in (["mnp"], ["mnp"], ["mnp", "voluntary"], []):
        system.subscriber(A, blocks=blocks)
    assert system.happened(A) == ([], [WARNED])
    assert system.sums(A)[:2] == ("70.00", "150.00")
    assert system.ok("GET", f"/v1/members/{A}")["membership"] == "active"


@pytest.mark.rule(11)
def test_a_port_out_done_ends_the_membership_and_lapses_both(at_stake: Hosted) -> None:
    system = at_stake
    system.paid("ozon", A, "o-1", "1000.00")
    system.subscriber(A, blocks=["mnp"])
    assert system.told(A) == [WARNED]
    entries = system.ok("GET", "/v1/ledger/verify")["checked"]
    assert system.ok("POST", f"/v1/subscribers/{A}/port-out") == {"msisdn": A, "lapsed": "220.00"}
    assert system.api("GET", f"/v1/subscribers/{A}").status == 404
    assert system.accrual("ozon", "o-1")["reason"] == "LEFT"
    assert system.screen(A, "*100*1#") == NOT_A_MEMBER
    assert system.ok("GET", "/v1/ledger/verify")["checked"] > entries
    assert len(system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"]) == 1


@pytest.mark.rule(11)
def test_a_final_block_is_as_leaving(at_stake: Hosted) -> None:
    system = at_stake
    system.paid("ozon", A, "o-1", "1000.00")
    system.subscriber(A, blocks=["final"])
    assert system.ok("GET", f"/v1/members/{A}")["membership"] == "left"
    assert system.accrual("ozon", "o-1")["reason"] == "LEFT"
    assert system.happened(A) == (
        [("bonus", "lapsed", "70.00")],
        ["Вы вышли из программы Кэшбэк. Сгорело 70 р."],
    )
    assert system.balance(A)["cashback"] == "150.00"


@pytest.mark.rule(11)
@pytest.mark.switch("held_release", "next_first")
def test_under_an_investigation_the_first_credits_nothing_and_the_next_one_after_it_does(at_stake: Hosted) -> None:
    system = at_stake
    system.subscriber(A, blocks=["investigation"])
    system.clock_to(NINE)
    assert system.happened(A) == ([], [])
    balance = system.balance(A)
    assert (balance["bonus"], balance["bonus_held"], balance["bonus_due_on"]) == ("70.00", "70.00", None)
    system.accrue(A, "50.00", "o-1")
    assert system.balance(A)["bonus"] == "120.00"
    assert system.screen(A, "*100*1#") == "Кэшбэк:150р\nС 01.05:+0р\nОжидает:0р"
    system.refused(system.credit(A, "held"), 422, "BLOCKED_INVESTIGATION")
    assert system.charge("c-1", A, "10.00").body["cashback"] == "10.00"
    system.forget(A)
    system.subscriber(A, blocks=[])
    assert system.happened(A) == ([], [])
    assert (system.balance(A)["bonus_held"], system.balance(A)["bonus_due_on"]) == ("0.00", "2025-05-01")
    system.clock_to("2025-05-01T00:00:00+03:00")
    assert system.posted(A) == [("bonus", "cashback", "120.00")]


@pytest.mark.rule(11)
@pytest.mark.switch("held_release", "at_once")
def test_a_held_bonus_is_credited_with_the_unblocking_where_switched_so(started: Starting) -> None:
    system = started(held_release="at_once")
    system.member(A)
    system.subscriber(A, blocks=["investigation"])
    system.clock_to(NINE)
    system.promo(A, "30.00", "april")
    system.forget(A)
    system.subscriber(A, blocks=[])
    assert system.happened(A) == (
        [("bonus", "cashback", "50.00")],
        ["Кэшбэк 50 р зачислен на счет и тратится первым. *100*1#"],
    )
    assert system.balance(A)["bonus"] == "30.00"
    assert system.balance(A)["as_of"] > FIRST
