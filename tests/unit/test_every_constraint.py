"""Every constraint of the schema refuses a row that breaks it: none is there without its test, on either database.

A table's sound row is written first, so that it is the breach alone that is refused.
"""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from both_databases import METADATA, Databases
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Connection,
    Constraint,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    insert,
    literal_column,
)
from sqlalchemy.exc import IntegrityError

from billing.store import reconciliation_schema, seal_schema
from billing.store.columns import Blocks, Instant

NOW = datetime(2025, 4, 1, tzinfo=UTC)
LATER = datetime(2025, 4, 2, tzinfo=UTC)
NOBODY = {"subscription_id": 99}
MODULES = (seal_schema, reconciliation_schema)
"""Imported for their tables."""

SOUND: dict[str, dict[str, Any]] = {
    "subscription": {"contract": "individual", "network": "on_net"},
    "membership": {"state": "active", "channel": "web", "form": "login"},
    "balance": {"cashback": 500, "main": 100, "credit_limit": 50},
    "msisdn_owner": {},
    "posting": {"kind": "topup", "source": "cash_in", "target": "main"},
    "click": {"promise_fixed": 1},
    "accrual": {"category": "shop", "channel": "web", "state": "pending", "promise_fixed": 1},
    "charge": {"type": "usage", "status": "paid", "amount": 100, "cashback": 60, "main": 40, "unpaid": 0},
    "settlement": {},
    "refund": {"main": 1, "cashback": 0, "unpaid": 0},
    "voucher": {"source": "bonus", "state": "issued", "redeemed": 0},
    "reservation": {
        "type": "usage",
        "state": "held",
        "held_entry": 1,
        "amount": 100,
        "held_cashback": 50,
        "held_main": 50,
    },
    "request_key": {"kind": "charge"},
    "month_run": {"status": "done"},
    "sms_message": {"state": "queued", "service_class": "service"},
    "sms_segment": {"state": "queued"},
    "sms_inbox_part": {"kind": "sar"},
    "journal_day": {"kind": "topup", "source": "cash_in", "target": "main"},
    "reconciliation_account": {"account": "main"},
    "seal_block": {"previous": "0" * 64, "head": "1" * 64},
    "seal_range": {"up_to_entry": 2},
}
ZERO = {
    "balance": ("bonus", "held_cashback", "held_main", "carry_over", "bonus_new", "cap_used"),
    "charge": ("settled", "refunded_cashback", "refunded_main", "refunded_unpaid"),
    "reservation": ("committed", "cashback", "main", "ended_entry"),
    "sms_message": ("parked", "segments"),
    "reconciliation": ("imbalance",),
}
"""Sums and counts are 1 in a sound row, but for these."""

BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "ck_subscription_contract": ("subscription", {"contract": "both"}),
    "ck_subscription_network": ("subscription", {"network": "mars"}),
    "ck_subscription_id_positive": ("subscription", {"subscription_id": 0}),
    "ck_subscription_blocks": ("subscription", {"subscription_id": 2, "blocks": literal_column("16")}),
    "pk_subscription": ("subscription", {}),
    "ck_membership_state": ("membership", {"state": "none"}),
    "ck_membership_channel": ("membership", {"channel": "fax"}),
    "ck_membership_form": ("membership", {"form": "half"}),
    "ck_membership_left_at": ("membership", {"left_at": NOW}),
    "pk_membership": ("membership", {}),
    "fk_membership_subscription": ("membership", NOBODY),
    "ck_balance_bonus": ("balance", {"bonus": -1}),
    "ck_balance_cashback": ("balance", {"cashback": -1}),
    "ck_balance_main": ("balance", {"main": -51}),
    "ck_balance_credit_limit": ("balance", {"credit_limit": -1}),
    "ck_balance_held_cashback": ("balance", {"held_cashback": 501}),
    "ck_balance_held_main": ("balance", {"held_main": 151}),
    "ck_balance_carry_over": ("balance", {"carry_over": -1}),
    "ck_balance_bonus_new": ("balance", {"bonus_new": 1}),
    "ck_balance_cap_used": ("balance", {"cap_used": -1}),
    "ck_balance_next_entry": ("balance", {"next_entry": 0}),
    "pk_balance": ("balance", {}),
    "fk_balance_subscription": ("balance", NOBODY),
    "pk_msisdn_owner": ("msisdn_owner", {"valid_until": NOW}),
    "uq_msisdn_owner_current": ("msisdn_owner", {"valid_from": LATER}),
    "fk_msisdn_owner_subscription": ("msisdn_owner", {**NOBODY, "msisdn": "2"}),
    "ck_posting_kind": ("posting", {"entry_no": 2, "kind": "gift"}),
    "ck_posting_source": ("posting", {"entry_no": 2, "source": "sofa"}),
    "ck_posting_target": ("posting", {"entry_no": 2, "target": "sofa"}),
    "ck_posting_amount": ("posting", {"entry_no": 2, "amount": 0}),
    "ck_posting_accounts": ("posting", {"entry_no": 2, "source": "main"}),
    "ck_posting_tx_no": ("posting", {"entry_no": 2, "tx_no": 3}),
    "pk_posting": ("posting", {}),
    "fk_posting_subscription": ("posting", NOBODY),
    "ck_click_promise": ("click", {"click_id": "b", "promise_percent": 1}),
    "pk_click": ("click", {}),
    "uq_click_click_id": ("click", {"subscription_id": 2}),
    "ck_accrual_category": ("accrual", {"order_id": "b", "category": "food"}),
    "ck_accrual_channel": ("accrual", {"order_id": "b", "channel": "fax"}),
    "ck_accrual_state": ("accrual", {"order_id": "b", "state": "odd", "reason": "LATE"}),
    "ck_accrual_reason": ("accrual", {"order_id": "b", "reason": "WHY"}),
    "ck_accrual_reason_given": ("accrual", {"order_id": "b", "state": "rejected"}),
    "ck_accrual_promise": ("accrual", {"order_id": "b", "promise_percent": 1}),
    "ck_accrual_goods": ("accrual", {"order_id": "b", "goods": 0}),
    "ck_accrual_reward": ("accrual", {"order_id": "b", "reward": -1}),
    "pk_accrual": ("accrual", {}),
    "uq_accrual_partner_order_id": ("accrual", {"subscription_id": 2}),
    "ck_charge_type": ("charge", {"charge_id": "b", "type": "tip"}),
    "ck_charge_status": ("charge", {"charge_id": "b", "status": "odd", "unpaid": 1, "amount": 101}),
    "ck_charge_signs": ("charge", {"charge_id": "b", "settled": -1, "main": 41}),
    "ck_charge_split": ("charge", {"charge_id": "b", "amount": 101}),
    "ck_charge_status_open": ("charge", {"charge_id": "b", "unpaid": 1, "amount": 101}),
    "ck_charge_status_drawn": ("charge", {"charge_id": "b", "status": "unpaid", "unpaid": 1, "amount": 101}),
    "ck_charge_refunded_cashback": ("charge", {"charge_id": "b", "refunded_cashback": 61}),
    "ck_charge_refunded_main": ("charge", {"charge_id": "b", "refunded_main": 41}),
    "ck_charge_refunded_unpaid": ("charge", {"charge_id": "b", "refunded_unpaid": -1, "main": 41}),
    "pk_charge": ("charge", {"period": ""}),
    "uq_charge_fee": ("charge", {"charge_id": "b"}),
    "fk_charge_subscription": ("charge", NOBODY),
    "ck_settlement_amount": ("settlement", {"topup_id": "b", "amount": 0}),
    "pk_settlement": ("settlement", {}),
    "fk_settlement_charge": ("settlement", {"charge_id": "none"}),
    "ck_refund_signs": ("refund", {"refund_id": "b", "main": 2, "cashback": -1}),
    "ck_refund_split": ("refund", {"refund_id": "b", "amount": 2}),
    "pk_refund": ("refund", {}),
    "fk_refund_charge": ("refund", {"charge_id": "none"}),
    "ck_voucher_source": ("voucher", {"voucher_id": "b", "code": "b", "source": "main"}),
    "ck_voucher_state": ("voucher", {"voucher_id": "b", "code": "b", "state": "odd", "ended_at": NOW}),
    "ck_voucher_amount": ("voucher", {"voucher_id": "b", "code": "b", "amount": 0}),
    "ck_voucher_redeemed": (
        "voucher",
        {"voucher_id": "b", "code": "b", "state": "redeemed", "redemption_id": "r", "ended_at": NOW},
    ),
    "ck_voucher_redemption_id": ("voucher", {"voucher_id": "b", "code": "b", "redemption_id": "r"}),
    "ck_voucher_ended_at": ("voucher", {"voucher_id": "b", "code": "b", "ended_at": NOW}),
    "pk_voucher": ("voucher", {"code": "b"}),
    "uq_voucher_code": ("voucher", {"voucher_id": "b"}),
    "fk_voucher_subscription": ("voucher", {**NOBODY, "code": "b"}),
    "ck_reservation_type": ("reservation", {"reservation_id": "b", "type": "tip"}),
    "ck_reservation_state": (
        "reservation",
        {"reservation_id": "b", "state": "odd", "ended_entry": 2, "ended_at": NOW},
    ),
    "ck_reservation_amount": ("reservation", {"reservation_id": "b", "held_cashback": -1}),
    "ck_reservation_held": ("reservation", {"reservation_id": "b", "held_main": 51}),
    "ck_reservation_committed": (
        "reservation",
        {"reservation_id": "b", "state": "committed", "committed": 101, "ended_entry": 2, "ended_at": NOW},
    ),
    "ck_reservation_drawn": ("reservation", {"reservation_id": "b", "cashback": 1}),
    "ck_reservation_committed_state": ("reservation", {"reservation_id": "b", "committed": 1}),
    "ck_reservation_ended_entry": ("reservation", {"reservation_id": "b", "ended_entry": 2}),
    "ck_reservation_ended_at": ("reservation", {"reservation_id": "b", "ended_at": NOW}),
    "pk_reservation": ("reservation", {}),
    "fk_reservation_subscription": ("reservation", NOBODY),
    "pk_audit": ("audit", {}),
    "ck_request_key_kind": ("request_key", {"key": "b", "kind": "odd"}),
    "pk_request_key": ("request_key", {"subscription_id": 2}),
    "ck_tariff_fee": ("tariff", {"code": "b", "fee": -1}),
    "pk_tariff": ("tariff", {}),
    "pk_catalogue": ("catalogue", {}),
    "ck_partner_secret_slot": ("partner_secret", {"slot": 2}),
    "pk_partner_secret": ("partner_secret", {}),
    "ck_month_run_status": ("month_run", {"period": "b", "status": "odd"}),
    "pk_month_run": ("month_run", {}),
    "ck_journal_day_kind": ("journal_day", {"day": "b", "kind": "gift"}),
    "ck_journal_day_source": ("journal_day", {"day": "b", "source": "sofa"}),
    "ck_journal_day_target": ("journal_day", {"day": "b", "target": "sofa"}),
    "pk_journal_day": ("journal_day", {}),
    "ck_reconciliation_imbalance": ("reconciliation", {"day": "b", "imbalance": -1}),
    "pk_reconciliation": ("reconciliation", {}),
    "ck_reconciliation_account_account": ("reconciliation_account", {"day": "b", "account": "sofa"}),
    "pk_reconciliation_account": ("reconciliation_account", {}),
    "ck_seal_block_block_no": ("seal_block", {"block_no": 0}),
    "ck_seal_block_counts": ("seal_block", {"block_no": 2, "postings": 0}),
    "ck_seal_block_heads": ("seal_block", {"block_no": 2, "head": "1"}),
    "pk_seal_block": ("seal_block", {}),
    "ck_seal_range_entries": ("seal_range", {"up_to_entry": 1}),
    "pk_seal_range": ("seal_range", {}),
    "ck_sms_message_state": ("sms_message", {"seq": 2, "message_id": "b", "state": "odd"}),
    "ck_sms_message_service_class": ("sms_message", {"seq": 2, "message_id": "b", "service_class": "odd"}),
    "ck_sms_message_parked": ("sms_message", {"seq": 2, "message_id": "b", "parked": 2}),
    "ck_sms_message_reason_of_an_end": ("sms_message", {"seq": 2, "message_id": "b", "reason": "x"}),
    "ck_sms_message_dead_has_reason": ("sms_message", {"seq": 2, "message_id": "b", "state": "dead"}),
    "ck_sms_message_lease_in_flight": ("sms_message", {"seq": 2, "message_id": "b", "state": "claimed"}),
    "ck_sms_message_held_until": ("sms_message", {"seq": 2, "message_id": "b", "state": "held"}),
    "ck_sms_message_frozen_whole": ("sms_message", {"seq": 2, "message_id": "b", "segments": 1}),
    "uq_sms_message_message_id": ("sms_message", {"seq": 2}),
    "pk sms_message": ("sms_message", {"message_id": "b"}),
    "ck_sms_segment_state": ("sms_segment", {"segment_no": 2, "state": "odd"}),
    "pk sms_sender": ("sms_sender", {}),
    "pk sms_paused_link": ("sms_paused_link", {}),
    "pk sms_segment": ("sms_segment", {}),
    "fk sms_segment": ("sms_segment", {"seq": 99}),
    "pk sms_attempt": ("sms_attempt", {}),
    "fk sms_attempt": ("sms_attempt", {"seq": 99}),
    "pk sms_receipt": ("sms_receipt", {"link": "b"}),
    "uq_sms_receipt": ("sms_receipt", {"receipt_id": 2}),
    "fk sms_receipt": ("sms_receipt", {"receipt_id": 2, "link": "b", "seq": 99}),
    "pk sms_inbox": ("sms_inbox", {"link": "b"}),
    "pk sms_cut": ("sms_cut", {}),
    "fk sms_cut": ("sms_cut", {"seq": 99}),
    "pk sms_inbox_part": ("sms_inbox_part", {}),
    "ck_sms_inbox_part_number": ("sms_inbox_part", {"number": 3}),
    "ck_sms_inbox_part_kind": ("sms_inbox_part", {"kind": "odd"}),
    "ck_sms_inbox_part_flags": ("sms_inbox_part", {"is_whole": 2}),
    "uq_sms_inbox": ("sms_inbox", {"inbox_id": 2}),
    "ck_business_clock_one_row": ("business_clock", {"id": 2}),
    "ck_business_clock_forward": ("business_clock", {"now": 0}),
    "pk business_clock": ("business_clock", {}),
    "pk lease": ("lease", {}),
    "pk ussd_record": ("ussd_record", {}),
    "ck_campaign_done": ("campaign", {"campaign_id": "b", "done": 2}),
    "pk campaign": ("campaign", {}),
}
"""By constraint: its table and what breaks a sound row."""


IMPLIED = {"ck_balance_main": "ck_balance_held_main", "ck_balance_bonus": "ck_balance_bonus_new"}
"""Whatever breaks the first breaks the second too, and PostgreSQL may name either."""


def name_of(constraint: Constraint) -> str:
    """A constraint's name; those that have none are named by kind and table."""
    if constraint.name is not None:
        return str(constraint.name)
    kind = "pk" if isinstance(constraint, PrimaryKeyConstraint) else "fk"
    return f"{kind} {constraint.table.name}"


def tables() -> dict[str, Table]:
    return {name: table for metadata in METADATA for name, table in metadata.tables.items()}


def constraints() -> set[str]:
    """The names of all constraints and unique indexes."""
    kinds = (CheckConstraint, ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint)
    found = {name_of(one) for table in tables().values() for one in table.constraints if isinstance(one, kinds)}
    return found | {str(one.name) for table in tables().values() for one in table.indexes if one.unique}


def sound_row(table: Table) -> dict[str, Any]:
    """A row that breaks nothing."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.nullable:
            continue
        if isinstance(column.type, Instant):
            row[column.name] = NOW
        elif isinstance(column.type, Blocks):
            row[column.name] = frozenset()
        elif isinstance(column.type, Boolean):
            row[column.name] = False
        elif isinstance(column.type, LargeBinary):
            row[column.name] = b"a"
        elif isinstance(column.type, Integer):
            row[column.name] = int(column.name not in ZERO.get(table.name, ()))
        else:
            row[column.name] = "a"
    return row | SOUND.get(table.name, {})


def write_sound_rows(connection: Connection, table: Table, done: set[str]) -> None:
    """The table's row, its parents' first."""
    for key in table.foreign_keys:
        parent = key.column.table
        if parent.name not in done and parent is not table:
            write_sound_rows(connection, parent, done)
    if table.name not in done:
        done.add(table.name)
        connection.execute(insert(table).values(sound_row(table)))


@pytest.mark.parametrize("constraint", BROKEN)
def test_a_row_that_breaks_one_constraint_is_refused(databases: Databases, constraint: str) -> None:
    name, broken = BROKEN[constraint]
    table = tables()[name]
    connection = databases.open()
    write_sound_rows(connection, table, set())
    with pytest.raises(IntegrityError) as refused, connection.begin_nested():
        connection.execute(insert(table).values(sound_row(table) | broken))
    said = str(refused.value.orig)
    is_by_name = connection.dialect.name == "postgresql" or constraint.startswith("ck_")
    if is_by_name and " " not in constraint:
        named = f"{constraint}|{IMPLIED.get(constraint, constraint)}"
        assert re.search(rf"\b({named})\b", said)


def test_every_constraint_has_a_row_that_breaks_it() -> None:
    assert constraints() == set(BROKEN)
