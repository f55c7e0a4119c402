"""What a command reads, so that the store loads a whole group of commands in few statements.

Loading goes in two steps. First by the keys named here. Then by subscription: every subscription reached by a number,
a click (`subscription_id`; where that is NOBODY, the number in it), an order, a charge, a voucher or a
reservation comes with its membership and balances. Sets of a subscription are loaded whole where `open_accruals` or
`open_charges` asks for them, and its ACCRUED accruals also where its `credited_period` is before the current period:
the credit step comes first then.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from billing.books import OrderKey
from billing.charging import hold_charge_id
from billing.commands import (
    CancelVoucher,
    ChangeNumber,
    Command,
    CommitReservation,
    CreditOnDemand,
    CreditPromo,
    DrawCharge,
    EraseSubscriber,
    ExpireReservation,
    ExpireVoucher,
    IssueVoucher,
    LeaveProgramme,
    OrderAmended,
    OrderConfirmed,
    OrderPaid,
    OrderRejected,
    OrderReturned,
    OverrideAccrual,
    PortOut,
    PutSubscriber,
    RecordClick,
    RedeemVoucher,
    RefundCharge,
    RegisterMember,
    ReleaseReservation,
    Reserve,
    SetAdverts,
    TopUp,
)
from billing.words import KeyKind

OrderEvent = OrderPaid | OrderConfirmed | OrderRejected | OrderAmended | OrderReturned | OverrideAccrual


@dataclass(slots=True, kw_only=True)
class Needs:
    """Keys to look up. `open_accruals` and `open_charges` name the numbers whose whole sets are needed."""

    msisdns: set[str] = field(default_factory=set)
    keys: set[tuple[KeyKind, str]] = field(default_factory=set)
    clicks: set[str] = field(default_factory=set)
    orders: set[OrderKey] = field(default_factory=set)
    charges: set[str] = field(default_factory=set)
    vouchers: set[str] = field(default_factory=set)
    voucher_codes: set[str] = field(default_factory=set)
    reservations: set[str] = field(default_factory=set)
    tariffs: set[str] = field(default_factory=set)
    open_accruals: set[str] = field(default_factory=set)
    """Accruals PENDING and ACCRUED of these numbers."""
    open_charges: set[str] = field(default_factory=set)
    """Charges with an unpaid rest of these numbers."""


def needs(commands: Iterable[Command]) -> Needs:
    """Everything the commands of a group read, together."""
    wanted = Needs()
    for command in commands:
        _NEEDS[type(command)](command, wanted)
    return wanted


def order_answer_key(partner: str, order_id: str, event: str) -> tuple[KeyKind, str]:
    """The request key under which the answer to an order's `paid` or `confirmed` is kept (rule 22)."""
    return (KeyKind.ORDER, f"{partner}:{order_id}:{event}")


def promo_action_key(promo: str, action_id: str) -> tuple[KeyKind, str]:
    """The request key of a target action: once per promotion and action id (rule 19)."""
    return (KeyKind.PROMO_ACTION, f"{promo}:{action_id}")


def _number(command: RegisterMember | SetAdverts | RecordClick, wanted: Needs) -> None:
    wanted.msisdns.add(command.msisdn)


def _put_subscriber(command: PutSubscriber, wanted: Needs) -> None:
    wanted.msisdns.add(command.msisdn)
    if command.tariff is not None:
        wanted.tariffs.add(command.tariff)
    if command.blocks is not None:
        wanted.open_accruals.add(command.msisdn)


def _change_number(command: ChangeNumber, wanted: Needs) -> None:
    wanted.msisdns.update((command.msisdn, command.new_msisdn))


def _leave(command: LeaveProgramme | PortOut | EraseSubscriber, wanted: Needs) -> None:
    wanted.msisdns.add(command.msisdn)
    wanted.open_accruals.add(command.msisdn)


def _order(command: OrderEvent, wanted: Needs) -> None:
    wanted.orders.add((command.partner, command.order_id))
    if isinstance(command, OrderPaid):
        wanted.keys.add(order_answer_key(command.partner, command.order_id, "paid"))
        if command.click_id is not None:
            wanted.clicks.add(command.click_id)
    elif isinstance(command, OrderConfirmed):
        wanted.keys.add(order_answer_key(command.partner, command.order_id, "confirmed"))


def _promo(command: CreditPromo, wanted: Needs) -> None:
    wanted.msisdns.add(command.msisdn)
    wanted.keys.add(promo_action_key(command.promo, command.action_id))


def _charge(command: DrawCharge, wanted: Needs) -> None:
    wanted.msisdns.add(command.msisdn)
    wanted.keys.add((KeyKind.CHARGE, command.charge_id))


def _refund(command: RefundCharge, wanted: Needs) -> None:
    wanted.charges.add(command.charge_id)
    wanted.keys.add((KeyKind.REFUND, command.refund_id))


def _topup(command: TopUp, wanted: Needs) -> None:
    wanted.msisdns.add(command.msisdn)
    wanted.open_charges.add(command.msisdn)
    wanted.keys.add((KeyKind.TOPUP, command.topup_id))


def _voucher(command: IssueVoucher, wanted: Needs) -> None:
    wanted.msisdns.add(command.msisdn)
    wanted.keys.add((KeyKind.VOUCHER, command.voucher_id))


def _voucher_by_code(command: RedeemVoucher, wanted: Needs) -> None:
    wanted.voucher_codes.add(command.code)
    wanted.keys.add((KeyKind.REDEMPTION, command.redemption_id))


def _voucher_by_id(command: CancelVoucher | ExpireVoucher, wanted: Needs) -> None:
    wanted.vouchers.add(command.voucher_id)


def _reserve(command: Reserve, wanted: Needs) -> None:
    wanted.msisdns.add(command.msisdn)
    wanted.keys.add((KeyKind.RESERVATION, command.reservation_id))


def _reservation(command: CommitReservation | ReleaseReservation | ExpireReservation, wanted: Needs) -> None:
    wanted.reservations.add(command.reservation_id)
    if isinstance(command, CommitReservation):
        wanted.keys.add((KeyKind.CHARGE, hold_charge_id(command.reservation_id)))


def _credit(command: CreditOnDemand, wanted: Needs) -> None:
    wanted.msisdns.add(command.msisdn)
    wanted.open_accruals.add(command.msisdn)
    wanted.keys.add((KeyKind.CREDIT, command.credit_id))


_NEEDS: dict[type, Callable[..., None]] = {
    PutSubscriber: _put_subscriber,
    ChangeNumber: _change_number,
    PortOut: _leave,
    EraseSubscriber: _leave,
    RegisterMember: _number,
    LeaveProgramme: _leave,
    SetAdverts: _number,
    RecordClick: _number,
    OrderPaid: _order,
    OrderConfirmed: _order,
    OrderRejected: _order,
    OrderAmended: _order,
    OrderReturned: _order,
    OverrideAccrual: _order,
    CreditPromo: _promo,
    DrawCharge: _charge,
    RefundCharge: _refund,
    TopUp: _topup,
    IssueVoucher: _voucher,
    RedeemVoucher: _voucher_by_code,
    CancelVoucher: _voucher_by_id,
    ExpireVoucher: _voucher_by_id,
    Reserve: _reserve,
    CommitReservation: _reservation,
    ReleaseReservation: _reservation,
    ExpireReservation: _reservation,
    CreditOnDemand: _credit,
}
