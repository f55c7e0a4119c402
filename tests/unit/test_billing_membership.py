"""Joining, leaving, blocks and consent: rules 1-11, scenarios 01-06 and 50."""

from datetime import UTC, date, datetime

import pytest
from ledger_world import OFF, A, B, C, World, full_form, join, moscow

from billing.commands import LeaveProgramme, OrderConfirmed, PutSubscriber, RegisterMember, SetAdverts
from billing.events import AccrualRejected, CashbackCredited, MemberLeft, MemberRegistered, PortOutWarned
from billing.words import AccrualState, Block, Channel, Contract, MembershipState, Network, Reason

BLOCKED = [Block.INVESTIGATION, Block.MNP, Block.FINAL]


def leave(msisdn: str = A, *, confirm: bool = True, channel: Channel = Channel.WEB) -> LeaveProgramme:
    return LeaveProgramme(msisdn=msisdn, channel=channel, confirm=confirm)


def blocks(*given: Block, msisdn: str = A) -> PutSubscriber:
    return PutSubscriber(msisdn=msisdn, blocks=frozenset(given))


def standing(world: World, msisdn: str = A) -> MembershipState:
    return world.books.memberships[world.books.subscription_by_msisdn[msisdn].subscription_id].state


def test_joining_by_web_gives_the_welcome_bonus_and_one_message() -> None:
    """Scenario 01."""
    world = World("2025-03-03 12:00").subscriber()
    answer = world.do(join()).answer
    assert (answer.membership.state, answer.membership.joined_at) == (
        MembershipState.ACTIVE,
        moscow("2025-03-03 12:00"),
    )
    assert answer.welcome_bonus == 5000
    assert world.posted() == ["EXP>BONUS 50.00"]
    (event,) = world.told(MemberRegistered)
    assert (event.subscription.msisdn, event.welcome_bonus) == (A, 5000)


@pytest.mark.parametrize("channel", ["web", "app", "site", "promo", "ussd", "sms"])
def test_every_channel_of_rule_1_may_join_on_any_tariff(channel: str) -> None:
    world = World().subscriber(tariff="smart")
    world.do(join(channel=Channel(channel)))
    assert standing(world) is MembershipState.ACTIVE


def test_nobody_joins_through_the_contact_centre() -> None:
    refusal = World().subscriber().refused(join(channel=Channel.CONTACT_CENTRE))
    assert (refusal.code, refusal.field) == ("INVALID", "channel")


@pytest.mark.parametrize(
    ("born", "is_good"), [("1899-12-31", False), ("1900-01-01", True), ("2025-03-03", True), ("2025-03-04", False)]
)
def test_a_birth_date_lies_between_1900_and_today_in_the_operators_zone(born: str, is_good: bool) -> None:
    world = World("2025-03-03 23:59").subscriber()
    command = join(birth_date=date.fromisoformat(born))
    if is_good:
        assert world.do(command).answer.membership.birth_date == date.fromisoformat(born)
    else:
        refusal = world.refused(command)
        assert (refusal.code, refusal.field) == ("INVALID", "birth_date")


def test_joining_without_terms_is_refused_and_changes_nothing() -> None:
    """Scenario 02."""
    world = World().subscriber()
    refusal = world.refused(RegisterMember(msisdn=A, channel=Channel.WEB, accept_terms=False))
    assert refusal.code == "TERMS_REQUIRED"
    assert world.posted() == []
    assert not world.books.memberships


def test_the_accepted_terms_their_channel_and_instant_are_kept() -> None:
    world = World("2025-03-03 12:00").subscriber()
    kept = world.do(join(channel=Channel.APP)).answer.membership
    assert (kept.terms_version, kept.channel, kept.terms_accepted_at) == (
        "2025-01",
        Channel.APP,
        moscow("2025-03-03 12:00"),
    )


@pytest.mark.parametrize("block", BLOCKED)
def test_a_block_of_rule_3_refuses_joining_under_its_own_code(block: Block) -> None:
    """Scenario 03."""
    world = World().subscriber(blocks=frozenset({block, Block.VOLUNTARY}))
    assert world.refused(join()).code == f"BLOCKED_{block.value.upper()}"


def test_a_voluntary_block_does_not_refuse_joining() -> None:
    """Scenario 03."""
    world = World().subscriber(blocks=frozenset({Block.VOLUNTARY}))
    world.do(join())
    assert world.posted() == ["EXP>BONUS 50.00"]


def test_a_number_that_was_never_put_cannot_join() -> None:
    assert World().refused(join()).code == "UNKNOWN_SUBSCRIBER"


def test_registering_again_while_active_is_refused_also_without_terms() -> None:
    """Scenario 04."""
    world = World().member()
    assert world.refused(join()).code == "ALREADY_MEMBER"
    assert world.refused(RegisterMember(msisdn=A, channel=Channel.WEB, accept_terms=False)).code == "ALREADY_MEMBER"
    assert world.posted() == ["EXP>BONUS 50.00"]
    assert len(world.told(MemberRegistered)) == 1


def test_corporate_numbers_join_and_get_the_welcome() -> None:
    """Scenario 05."""
    world = World().corporate()
    assert world.posted() == ["EXP>BONUS 50.00"]
    assert len(world.told(MemberRegistered)) == 1


def test_an_individual_on_a_corporate_tariff_plan_is_individual() -> None:
    """Scenario 05: D is treated exactly as A."""
    world = World().member(tariff="smart").at("2025-04-01 00:00")
    world.month("2025-04")
    assert world.sums()[1] == "0.00"
    assert "BONUS>CB 50.00" in world.posted()


def test_off_net_numbers_join_with_the_full_form_only() -> None:
    """Scenario 06."""
    world = World().subscriber(OFF, network=Network.OFF_NET)
    assert world.refused(join(OFF)).code == "FULL_FORM_REQUIRED"
    assert world.refused(join(OFF, form="full", full_name="Ana Rusu")).code == "FULL_FORM_REQUIRED"
    kept = world.do(full_form(OFF)).answer.membership
    assert (kept.form, kept.full_name, kept.birth_date, kept.email) == (
        "full",
        "Ana Rusu",
        date(1990, 5, 17),
        "ana@example.org",
    )
    world.at("2025-04-01 00:00").month("2025-04")
    assert world.sums(OFF) == ("50.00", "0.00", "0.00")


def test_off_net_registration_can_be_switched_off() -> None:
    world = World(offnet_registration=False).subscriber(OFF, network=Network.OFF_NET)
    assert world.refused(full_form(OFF)).code == "NOT_ELIGIBLE"


def test_a_welcome_of_zero_posts_nothing_and_still_tells() -> None:
    world = World(welcome_bonus=0).member()
    assert world.posted() == []
    assert [event.welcome_bonus for event in world.told(MemberRegistered)] == [0]


def test_leaving_is_first_told_what_lapses_and_then_lapses_it() -> None:
    """Scenario 50."""
    world = World(welcome_bonus=0).member().bonus("120.00").at("2025-04-01 00:00")
    world.month("2025-04")
    world.bonus("80.00")
    world.paid("o-1", "700.00")
    warned = world.refused(leave(confirm=False))
    assert warned.code == "CONFIRM_LAPSE"
    assert warned.details["lapses"] == {"bonus": "80.00", "pending": "35.00", "cashback": "0.00"}
    world.forget()
    assert world.do(leave()).answer.lapsed == 8000
    assert world.posted() == ["BONUS>LAPSE 80.00"]
    assert [event.lapsed for event in world.told(MemberLeft)] == [8000]
    assert not world.told(AccrualRejected)
    order = world.books.accruals["ozon", "o-1"]
    assert (order.state, order.reason, order.reward) == (AccrualState.REJECTED, Reason.LEFT, 0)
    assert world.sums() == ("0.00", "120.00", "0.00")
    world.forget().charge("c-1", "100.00")
    assert world.posted() == ["CB>REV 100.00"]
    late = world.do(OrderConfirmed(partner="ozon", order_id="o-1")).answer.accrual
    assert (late.state, late.reason) == (AccrualState.REJECTED, Reason.LEFT)
    assert world.refused(leave()).code == "NOT_MEMBER"


def test_leaving_lapses_cashback_too_where_the_switch_says_so() -> None:
    world = World(leave_credited="lapse").member().bonus("70.00").at("2025-04-01 00:00")
    world.month("2025-04")
    world.bonus("80.00").forget()
    lapses = world.refused(leave(confirm=False)).details["lapses"]
    assert lapses == {"bonus": "80.00", "pending": "0.00", "cashback": "120.00"}
    assert world.do(leave()).answer.lapsed == 20000
    assert world.posted() == ["BONUS>LAPSE 80.00", "CB>LAPSE 120.00"]
    assert world.journal[-1].tx_no == world.journal[-2].tx_no


def test_an_accrued_reward_lapses_with_the_bonus_on_leaving() -> None:
    world = World().member()
    world.earned("o-1", "1000.00")
    world.do(leave())
    order = world.books.accruals["ozon", "o-1"]
    assert (order.state, order.reason, order.reward) == (AccrualState.LAPSED, Reason.LEFT, 0)


def test_who_leaves_after_the_first_keeps_what_was_due_on_it() -> None:
    """Rules 8, 24: the month's credit comes first, whether the month job came by or not."""
    world = World().member()
    world.earned("o-1", "1000.00")
    world.at("2025-04-02 12:00").bonus("30.00").forget()
    world.at("2025-05-02 12:00").do(leave())
    assert world.posted() == ["BONUS>CB 30.00"]
    assert world.sums() == ("0.00", "130.00", "0.00")
    world = World().member()
    world.earned("o-1", "1000.00")
    world.at("2025-04-02 12:00").forget().do(leave())
    assert world.posted() == ["BONUS>CB 100.00"]
    assert world.books.accruals["ozon", "o-1"].state is AccrualState.CREDITED
    assert [event.lapsed for event in world.told(MemberLeft)] == [0]


def test_a_pending_reward_past_its_deadline_expires_rather_than_being_left() -> None:
    world = World("2025-03-05 12:00").member()
    world.paid("o-1", "1000.00")
    world.at("2025-07-01 12:00").do(leave())
    order = world.books.accruals["ozon", "o-1"]
    assert (order.state, order.reason, order.ended_at) == (AccrualState.EXPIRED, Reason.LATE, order.deadline)


@pytest.mark.parametrize("channel", [Channel.SITE, Channel.PROMO])
def test_nobody_leaves_through_a_channel_that_is_for_joining(channel: Channel) -> None:
    refusal = World().member().refused(leave(channel=channel))
    assert (refusal.code, refusal.field) == ("INVALID", "channel")


def test_who_leaves_with_nothing_is_told_a_lapse_of_zero() -> None:
    world = World(welcome_bonus=0).member()
    assert world.do(leave()).answer.lapsed == 0
    assert world.posted() == []
    assert [event.lapsed for event in world.told(MemberLeft)] == [0]


def test_joining_again_restores_nothing_and_asks_consent_anew() -> None:
    """Rule 9."""
    world = World().subscriber()
    world.do(join(adverts=True, adverts_text_version="7"))
    world.do(leave())
    world.at("2025-03-10 12:00").forget()
    answer = world.do(join()).answer
    assert answer.welcome_bonus == 0
    assert (answer.membership.adverts, answer.membership.joined_at) == (False, moscow("2025-03-10 12:00"))
    assert world.posted() == []
    assert world.sums() == ("0.00", "0.00", "0.00")
    assert [event.welcome_bonus for event in world.told(MemberRegistered)] == [0]


def test_every_joining_and_leaving_has_a_notice_of_its_own() -> None:
    world = World(welcome_bonus=0).subscriber().subscriber(B)
    for _ in range(3):
        for msisdn in (A, B):
            world.do(join(msisdn))
            world.do(leave(msisdn))
    for kind in (MemberRegistered, MemberLeft):
        assert len({event.ref for event in world.told(kind)}) == 6


def test_an_mnp_block_on_a_member_warns_once_with_cashback_and_bonus() -> None:
    """Rule 11."""
    world = World().member().bonus("70.00").at("2025-04-01 00:00")
    world.month("2025-04")
    world.bonus("100.00").forget()
    world.do(blocks(Block.MNP))
    world.do(blocks(Block.MNP))
    assert [event.at_stake for event in world.told(PortOutWarned)] == [22000]
    assert world.posted() == []
    world.do(blocks())
    assert world.sums() == ("100.00", "120.00", "0.00")
    assert standing(world) is MembershipState.ACTIVE
    world.do(blocks(Block.MNP))
    assert len({event.ref for event in world.told(PortOutWarned)}) == 2


def test_a_final_block_on_a_member_is_as_leaving() -> None:
    """Rule 11."""
    world = World().member()
    world.paid("o-1", "1000.00")
    world.forget()
    answer = world.do(blocks(Block.FINAL, Block.MNP)).answer
    assert answer.membership is MembershipState.LEFT
    assert standing(world) is MembershipState.LEFT
    assert world.posted() == ["BONUS>LAPSE 50.00"]
    assert [event.lapsed for event in world.told(MemberLeft)] == [5000]
    assert not world.told(PortOutWarned)
    assert world.books.accruals["ozon", "o-1"].reason is Reason.LEFT


def test_blocks_on_who_is_no_member_send_nothing() -> None:
    world = World().subscriber()
    world.do(blocks(Block.MNP))
    world.do(blocks(Block.FINAL))
    assert world.events == []


def test_under_an_investigation_nothing_is_credited_and_the_next_first_after_it_credits() -> None:
    """Rule 11."""
    world = World().member()
    world.do(blocks(Block.INVESTIGATION))
    world.at("2025-04-01 00:00").month("2025-04")
    assert world.sums() == ("50.00", "0.00", "0.00")
    world.earned("o-1", "1000.00")
    assert world.sums() == ("100.00", "0.00", "0.00")
    world.at("2025-04-10 12:00").do(blocks())
    world.charge("c-1", "1.00")
    assert world.sums() == ("100.00", "0.00", "0.00")
    world.at("2025-05-01 00:00").month("2025-05")
    assert world.sums() == ("0.00", "100.00", "0.00")
    assert world.books.accruals["ozon", "o-1"].state is AccrualState.CREDITED


def test_a_release_at_once_credits_what_was_held_and_no_more() -> None:
    """Rule 11, held_release = at_once."""
    world = World(held_release="at_once").member()
    world.earned("o-1", "1000.00")
    world.do(blocks(Block.INVESTIGATION))
    world.at("2025-04-05 12:00")
    world.earned("o-2", "1400.00")
    world.forget().do(blocks())
    assert world.posted() == ["BONUS>CB 100.00"]
    assert world.sums() == ("70.00", "100.00", "0.00")
    assert [event.amount for event in world.told(CashbackCredited)] == [10000]
    assert world.books.accruals["ozon", "o-1"].state is AccrualState.CREDITED
    assert world.books.accruals["ozon", "o-2"].state is AccrualState.ACCRUED


def test_a_release_at_once_moves_nothing_for_a_corporate_number() -> None:
    world = World(held_release="at_once").corporate().at("2025-04-05 12:00")
    world.do(blocks(Block.INVESTIGATION, msisdn=C))
    world.forget().do(blocks(msisdn=C))
    assert world.posted() == []


def test_the_blocks_of_the_first_count_not_those_set_after_it() -> None:
    """Rule 25: the month's credit is decided on what stood before the change."""
    world = World().member().at("2025-04-02 10:00").forget()
    world.do(blocks(Block.INVESTIGATION))
    assert world.posted() == ["BONUS>CB 50.00"]


def test_the_contract_of_the_first_counts_not_the_one_set_after_it() -> None:
    world = World().corporate(A).at("2025-04-02 10:00").forget()
    world.do(PutSubscriber(msisdn=A, contract=Contract.INDIVIDUAL))
    assert world.posted() == []
    world.at("2025-05-01 00:00").month("2025-05")
    assert world.posted() == ["BONUS>CB 50.00"]


def test_a_new_number_takes_the_defaults_and_omitted_fields_keep_their_value() -> None:
    world = World("2025-03-03 12:00")
    made = world.do(PutSubscriber(msisdn=A)).answer
    assert made.created
    assert (made.subscription.contract, made.subscription.network, made.subscription.language) == (
        Contract.INDIVIDUAL,
        Network.ON_NET,
        "ru",
    )
    assert (made.subscription.tariff, made.subscription.blocks, made.credit_limit) == (None, frozenset(), 0)
    assert made.membership is MembershipState.NONE
    world.do(PutSubscriber(msisdn=A, tariff="smart", language="ro", credit_limit=10000))
    kept = world.do(PutSubscriber(msisdn=A, imsi="250010000000001")).answer
    assert (kept.subscription.tariff, kept.subscription.language, kept.credit_limit) == ("smart", "ro", 10000)
    assert kept.subscription.created_at == moscow("2025-03-03 12:00")
    cleared = world.do(PutSubscriber(msisdn=A, clear=frozenset({"tariff", "imsi"}))).answer
    assert (cleared.subscription.tariff, cleared.subscription.imsi) == (None, None)


def test_putting_back_what_stands_changes_nothing() -> None:
    world = World().subscriber(tariff="smart", blocks=frozenset({Block.VOLUNTARY}))
    again = world.do(PutSubscriber(msisdn=A, tariff="smart", blocks=frozenset({Block.VOLUNTARY})))
    assert not again.records
    assert not again.answer.created


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (PutSubscriber(msisdn=A, tariff="gold"), "UNKNOWN_TARIFF", "tariff"),
        (PutSubscriber(msisdn=A, clear=frozenset({"contract"})), "INVALID", "contract"),
        (PutSubscriber(msisdn=A, credit_limit=-1), "INVALID", "credit_limit"),
    ],
)
def test_a_wrong_provisioning_is_refused_naming_the_field(command: PutSubscriber, code: str, field: str) -> None:
    refusal = World().subscriber().refused(command)
    assert (refusal.code, refusal.field) == (code, field)


def test_a_credit_limit_that_main_already_passed_is_refused() -> None:
    world = World().subscriber(credit_limit=10000)
    world.charge("c-1", "80.00")
    refusal = world.refused(PutSubscriber(msisdn=A, credit_limit=7999))
    assert (refusal.code, refusal.field) == ("WRONG_STATE", "credit_limit")
    assert world.do(PutSubscriber(msisdn=A, credit_limit=8000)).answer.credit_limit == 8000


def test_adverts_keep_who_said_so_where_and_when_and_the_same_again_does_nothing() -> None:
    """Rules 37, 38."""
    world = World("2025-03-03 12:00").subscriber()
    joined = world.do(join(adverts=True, adverts_text_version="7")).answer.membership
    assert (joined.adverts_source, joined.adverts_at, joined.adverts_text_version) == (
        "web",
        moscow("2025-03-03 12:00"),
        "7",
    )
    world.at("2025-03-04 12:00")
    off = world.do(SetAdverts(msisdn=A, adverts=False, source="sms")).answer
    assert (off.changed, off.membership.adverts, off.membership.adverts_source) == (True, False, "sms")
    assert off.membership.adverts_at == datetime(2025, 3, 4, 9, tzinfo=UTC)
    assert not world.do(SetAdverts(msisdn=A, adverts=False, source="sms")).answer.changed
    assert world.refused(SetAdverts(msisdn=B, adverts=True, source="sms")).code == "UNKNOWN_SUBSCRIBER"
    assert world.subscriber(B).refused(SetAdverts(msisdn=B, adverts=True, source="sms")).code == "NOT_MEMBER"
