"""Rows of the tables a charge reads and writes, written out: each costs a third of `rows`' general way.

Columns in the tables' order, as `rows.Shape.record` and `rows.Shape.row` say; a test compares both ways field by
field.
"""

from collections.abc import Sequence
from typing import Any

from billing.records import Balances, Charge, Posting, Subscription
from billing.store.columns import from_bits, from_micros, to_micros
from billing.words import Contract, Network

_CONTRACTS = {one.value: one for one in Contract}
_NETWORKS = {one.value: one for one in Network}


def subscription_of(row: Sequence[Any]) -> Subscription:
    """The subscription of a row."""
    (
        subscription_id,
        msisdn,
        contract,
        network,
        language,
        tariff,
        blocks,
        imsi,
        time_zone,
        unicode,
        created_at,
        erased_at,
    ) = row
    return Subscription(
        subscription_id=subscription_id,
        msisdn=msisdn,
        contract=_CONTRACTS[contract],
        network=_NETWORKS[network],
        language=language,
        tariff=tariff,
        blocks=from_bits(blocks),
        imsi=imsi,
        time_zone=time_zone,
        unicode=unicode,
        created_at=from_micros(created_at),
        erased_at=None if erased_at is None else from_micros(erased_at),
    )


def balances_of(row: Sequence[Any]) -> Balances:
    """The balances of a row."""
    (
        subscription_id,
        bonus,
        cashback,
        main,
        held_cashback,
        held_main,
        carry_over,
        credit_limit,
        next_entry,
        welcomed,
        bonus_period,
        bonus_new,
        credited_period,
        cap_period,
        cap_used,
        spent_period,
        used_up_period,
    ) = row
    return Balances(
        subscription_id=subscription_id,
        bonus=bonus,
        cashback=cashback,
        main=main,
        held_cashback=held_cashback,
        held_main=held_main,
        carry_over=carry_over,
        credit_limit=credit_limit,
        next_entry=next_entry,
        welcomed=bool(welcomed),
        bonus_period=bonus_period,
        bonus_new=bonus_new,
        credited_period=credited_period,
        cap_period=cap_period,
        cap_used=cap_used,
        spent_period=spent_period,
        used_up_period=used_up_period,
    )


def charge_row(charge: Charge) -> tuple[Any, ...]:
    """The row of a charge."""
    return (
        charge.subscription_id,
        charge.charge_id,
        charge.entry_no,
        charge.type._value_,
        charge.amount,
        charge.cashback,
        charge.main,
        charge.unpaid,
        charge.status._value_,
        charge.settled,
        charge.refunded_cashback,
        charge.refunded_main,
        charge.refunded_unpaid,
        charge.period,
        to_micros(charge.occurred_at),
        to_micros(charge.booked_at),
    )


def posting_row(posting: Posting) -> tuple[Any, ...]:
    """The row of a posting."""
    return (
        posting.subscription_id,
        posting.entry_no,
        posting.tx_no,
        posting.kind._value_,
        posting.source._value_,
        posting.target._value_,
        posting.amount,
        to_micros(posting.booked_at),
        to_micros(posting.effective_at),
        posting.ref,
    )
