"""Idempotency keys, stored answers, and what a group of commands needs loaded: rules 22, 34; interface.md, ids."""

from datetime import UTC, date, datetime

import pytest
from ledger_world import A, B, World, join

from billing.answers import (
    ChargeAnswer,
    CreditAnswer,
    OrderAnswer,
    PromoAnswer,
    RedemptionAnswer,
    RefundAnswer,
    SettledPart,
    Step,
    TopUpAnswer,
    VoucherAnswer,
)
from billing.books import Books
from billing.commands import (
    CancelVoucher,
    CommitReservation,
    CreditOnDemand,
    CreditPromo,
    DrawCharge,
    ExpireReservation,
    ExpireVoucher,
    IssueVoucher,
    LeaveProgramme,
    OrderConfirmed,
    OrderPaid,
    OrderReturned,
    PutSubscriber,
    RecordClick,
    RedeemVoucher,
    RefundCharge,
    ReleaseReservation,
    Reserve,
    SetAdverts,
    TopUp,
)
from billing.figures import figures_of, same_figures
from billing.needs import Needs, needs
from billing.records import Subscription, Tariff
from billing.stored_answers import dump_answer, load_answer
from billing.words import Account, Block, Channel, ChargeStatus, ChargeType, KeyKind, OrderChannel, VoucherState

NOON = datetime(2025, 4, 1, 9, 0, 0, 123, tzinfo=UTC)

CHARGE = ChargeAnswer(
    charge_id="счёт-1",
    msisdn=A,
    type=ChargeType.TARIFF_FEE,
    amount=65_000,
    cashback=15_000,
    main=50_000,
    unpaid=0,
    status=ChargeStatus.PAID,
    steps=(Step(source=Account.CASHBACK, amount=15_000), Step(source=Account.MAIN, amount=50_000)),
    booked_at=NOON,
)
ANSWERS = [
    CHARGE,
    RefundAnswer(refund_id="r", unpaid=1, main=2, cashback=3),
    TopUpAnswer(topup_id="t", main=-5, settled=(SettledPart(charge_id="c", amount=7),)),
    VoucherAnswer(voucher_id="v", code="X", amount=1, valid_until=date(2025, 10, 1), state=VoucherState.ISSUED),
    CreditAnswer(credit_id="k", credited=0),
    RedemptionAnswer(redemption_id="d", voucher_id="v", amount=1, returned=2, state=VoucherState.REDEEMED),
    PromoAnswer(promo="quiz", action_id="1", msisdn=A, amount=3000, spendable_from=None),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
def test_a_stored_answer_comes_back_as_it_was(answer: ChargeAnswer) -> None:
    assert load_answer(dump_answer(answer)) == answer
    assert type(load_answer(dump_answer(answer))) is type(answer)


def test_a_stored_order_comes_back_with_every_figure_of_it() -> None:
    world = World().member()
    world.paid("o-1", "1000.00")
    answer = world.do(OrderConfirmed(partner="ozon", order_id="o-1")).answer
    assert isinstance(answer, OrderAnswer)
    assert load_answer(dump_answer(answer)) == answer


def test_a_stored_answer_is_canonical_text() -> None:
    """Sorted keys, no spaces, kopecks, ISO 8601: the same answer is the same text for ever."""
    assert dump_answer(CHARGE) == (
        '{"amount":65000,"booked_at":"2025-04-01T09:00:00.000123+00:00","cashback":15000,"charge_id":"счёт-1",'
        '"is":"ChargeAnswer","main":50000,"msisdn":"79160000001","status":"paid",'
        '"steps":[{"amount":15000,"source":"cashback"},{"amount":50000,"source":"main"}],'
        '"type":"tariff_fee","unpaid":0}'
    )


def test_figures_are_told_apart_however_texts_are_cut() -> None:
    assert figures_of("a", "bc") != figures_of("ab", "c")
    assert figures_of("1") != figures_of(1)
    assert figures_of(None) != figures_of("None")


def test_an_instant_is_no_figure_where_either_side_left_it_out() -> None:
    """interface.md, conventions."""
    without, with_noon = figures_of("a"), figures_of("a", at=NOON)
    assert same_figures(without, with_noon)
    assert same_figures(with_noon, without)
    assert same_figures(with_noon, figures_of("a", at=NOON))
    assert not same_figures(with_noon, figures_of("a", at=NOON.replace(hour=10)))
    assert not same_figures(without, figures_of("b", at=NOON))


def test_an_id_is_unique_within_its_kind_and_free_in_another() -> None:
    world = World().member().main("100.00")
    world.do(TopUp(topup_id="same", msisdn=A, amount=1))
    world.charge("same", "1.00")
    world.do(RefundCharge(charge_id="same", refund_id="same", amount=1))
    world.do(CreditOnDemand(credit_id="same", msisdn=A))
    world.do(IssueVoucher(voucher_id="same", msisdn=A, amount=1))
    assert world.do(TopUp(topup_id="same", msisdn=A, amount=1)).hit


def test_a_refusal_is_not_stored() -> None:
    world = World(part_payment=False).subscriber()
    command = DrawCharge(charge_id="c-1", msisdn=A, type=ChargeType.USAGE, amount=100)
    assert world.refused(command).code == "INSUFFICIENT_FUNDS"
    assert not world.main("1.00").do(command).hit


def test_a_group_needs_the_keys_of_all_its_commands_together() -> None:
    wanted = needs(
        [
            PutSubscriber(msisdn=A, tariff="smart", blocks=frozenset({Block.FINAL})),
            PutSubscriber(msisdn=B),
            join(A),
            LeaveProgramme(msisdn=A, channel=Channel.WEB, confirm=True),
            SetAdverts(msisdn=A, adverts=True, source="sms"),
            RecordClick(msisdn=B, partner="ozon"),
            OrderPaid(partner="ozon", order_id="o-1", click_id="k", goods=1, delivery=0, channel=OrderChannel.WEB),
            OrderPaid(partner="ozon", order_id="o-3", click_id=None, goods=1, delivery=0, channel=OrderChannel.WEB),
            OrderConfirmed(partner="ozon", order_id="o-1"),
            OrderReturned(partner="ozon", order_id="o-2"),
            CreditPromo(promo="quiz", action_id="q-1", msisdn=A),
            DrawCharge(charge_id="c-1", msisdn=A, type=ChargeType.USAGE, amount=1),
            RefundCharge(charge_id="c-2", refund_id="r-1", amount=1),
            TopUp(topup_id="t-1", msisdn=B, amount=1),
            IssueVoucher(voucher_id="v-1", msisdn=A, amount=1),
            RedeemVoucher(redemption_id="d-1", code="CODE", amount=1),
            CancelVoucher(voucher_id="v-2"),
            ExpireVoucher(voucher_id="v-3"),
            Reserve(reservation_id="h-1", msisdn=A, type=ChargeType.USAGE, amount=1, expires_in_s=1),
            CommitReservation(reservation_id="h-2", amount=1),
            ReleaseReservation(reservation_id="h-3"),
            ExpireReservation(reservation_id="h-4"),
            CreditOnDemand(credit_id="k-1", msisdn=A),
        ]
    )
    assert wanted == Needs(
        msisdns={A, B},
        keys={
            (KeyKind.ORDER, "ozon:o-1:paid"),
            (KeyKind.ORDER, "ozon:o-3:paid"),
            (KeyKind.ORDER, "ozon:o-1:confirmed"),
            (KeyKind.PROMO_ACTION, "quiz:q-1"),
            (KeyKind.CHARGE, "c-1"),
            (KeyKind.REFUND, "r-1"),
            (KeyKind.TOPUP, "t-1"),
            (KeyKind.VOUCHER, "v-1"),
            (KeyKind.REDEMPTION, "d-1"),
            (KeyKind.RESERVATION, "h-1"),
            (KeyKind.CHARGE, "hold:h-2"),
            (KeyKind.CREDIT, "k-1"),
        },
        clicks={"k"},
        orders={("ozon", "o-1"), ("ozon", "o-2"), ("ozon", "o-3")},
        charges={"c-2"},
        vouchers={"v-2", "v-3"},
        voucher_codes={"CODE"},
        reservations={"h-2", "h-3", "h-4"},
        tariffs={"smart"},
        open_accruals={A},
        open_charges={B},
    )


def test_books_follow_a_number_that_moves_to_another_subscription() -> None:
    """Rule 10: a number given to someone else is a new subscription."""
    first = Subscription(subscription_id=1, msisdn=A, created_at=NOON)
    books = Books([first, Tariff(code="smart", fee=1)])
    books.put(Subscription(subscription_id=1, msisdn=B, created_at=NOON))
    assert A not in books.subscription_by_msisdn
    books.put(Subscription(subscription_id=2, msisdn=A, created_at=NOON))
    books.put(Subscription(subscription_id=1, msisdn="", created_at=NOON))
    assert {msisdn: one.subscription_id for msisdn, one in books.subscription_by_msisdn.items()} == {A: 2}
    assert books.tariffs["smart"].fee == 1
