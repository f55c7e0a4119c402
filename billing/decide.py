"""The one door to the rules: a command and the books in, an outcome or a refusal out; the books stay as they are."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from billing import (
    charging,
    clicks,
    commands,
    crediting,
    membership,
    numbers,
    orders,
    overrides,
    promos,
    purchases,
    refunds,
    reservations,
    subscribers,
    topups,
    vouchers,
)
from billing.books import Books
from billing.commands import Command
from billing.decision import Context, Outcome

RULES: Mapping[type[Any], Callable[[Any, Books, Context], Outcome]] = MappingProxyType(
    {
        commands.PutSubscriber: subscribers.put_subscriber,
        commands.ChangeNumber: numbers.change_number,
        commands.PortOut: numbers.port_out,
        commands.EraseSubscriber: numbers.erase_subscriber,
        commands.RegisterMember: membership.register_member,
        commands.LeaveProgramme: membership.leave_programme,
        commands.SetAdverts: membership.set_adverts,
        commands.RecordClick: clicks.record_click,
        commands.OrderPaid: purchases.record_purchase,
        commands.OrderConfirmed: orders.confirm_order,
        commands.OrderRejected: orders.reject_order,
        commands.OrderAmended: orders.amend_order,
        commands.OrderReturned: orders.return_goods,
        commands.OverrideAccrual: overrides.override_accrual,
        commands.CreditPromo: promos.credit_promo,
        commands.DrawCharge: charging.draw_charge,
        commands.RefundCharge: refunds.refund_charge,
        commands.TopUp: topups.top_up,
        commands.IssueVoucher: vouchers.issue_voucher,
        commands.RedeemVoucher: vouchers.redeem_voucher,
        commands.CancelVoucher: vouchers.cancel_voucher,
        commands.ExpireVoucher: vouchers.expire_voucher,
        commands.Reserve: reservations.reserve,
        commands.CommitReservation: reservations.commit_reservation,
        commands.ReleaseReservation: reservations.release_reservation,
        commands.ExpireReservation: reservations.expire_reservation,
        commands.CreditOnDemand: crediting.credit_on_demand,
    }
)
"""Each command and the rule that decides it."""


def decide(command: Command, books: Books, context: Context) -> Outcome:
    """What a command changes and answers.

    Raises:
        LedgerRefusal: a rule said no; nothing changes.
    """
    return RULES[type(command)](command, books, context)
