"""The page of invariants: which checks of `ledger verify`, which constraints and which tests hold each of them.

Names are looked up when the page is written: a check, a constraint or a test that is not there is an error.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import CheckConstraint, Index, UniqueConstraint

from billing.programme import Programme
from billing.store.schema import POSTING_GUARDS, metadata
from billing.store.verify import checks
from billing.store.verify_journal import sums_are_whole
from gateway.verify_notices import NOTICE_CHECKS
from sms.outbox.schema import metadata as outbox_metadata

ROOT = Path(__file__).resolve().parents[1]
CODE_OF_CHECKS = ("billing/store/verify_whole.py", "billing/store/verify_seals.py", "billing/store/verify.py")
"""Where checks that are no single SELECT name themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """One of billing.md's; `why` where data cannot tell."""

    says: str
    checks: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    why: str = ""


INVARIANTS: Mapping[int, Invariant] = {
    1: Invariant(
        says="every transaction balances",
        checks=("movements_are_known", "transactions_begin_with_a_posting"),
        constraints=("ck_posting_amount", "ck_posting_accounts"),
        tests=("test_any_sequence_of_commands_keeps_the_books",),
    ),
    2: Invariant(
        says="postings are immutable",
        checks=("postings_are_guarded", "sealed_block_verifies"),
        constraints=("posting_no_update", "posting_no_delete", "posting_no_change"),
        tests=("test_postings_are_never_changed", "test_one_altered_kopeck_is_found"),
    ),
    3: Invariant(says="balance is the sum of postings", checks=("balance_is_sum", "entry_numbers_are_taken")),
    4: Invariant(says="cashback ≥ 0", checks=("no_account_below_its_limit",), constraints=("ck_balance_cashback",)),
    5: Invariant(
        says="main ≥ −credit limit", checks=("no_account_below_its_limit",), constraints=("ck_balance_main",)
    ),
    6: Invariant(
        says="held ≤ balance",
        checks=("no_account_below_its_limit", "held_is_reserved"),
        constraints=("ck_balance_held_cashback", "ck_balance_held_main"),
    ),
    7: Invariant(
        says="ids are unique per kind over the system",
        checks=(
            "charge_has_its_key",
            "refund_has_its_key",
            "topup_has_its_key",
            "voucher_has_its_key",
            "redemption_has_its_key",
            "reservation_has_its_key",
        ),
        constraints=("pk_request_key",),
        tests=("test_another_writer_of_the_same_key_makes_the_write_fail_whole",),
    ),
    8: Invariant(
        says="same key and figures, same answer; other figures, no effect",
        tests=("test_a_conflict_is_what_a_known_id_with_other_figures_is", "test_a_stored_answer_is_canonical_text"),
        why="the stored answer is given again as it is: nothing to compute it from",
    ),
    9: Invariant(
        says="a charge is cashback + main + unpaid",
        checks=("charge_adds_up", "charge_is_posted", "posting_has_its_charge", "settlements_add_up"),
        constraints=("ck_charge_split",),
    ),
    10: Invariant(
        says="cashback draws as much as it may",
        checks=("cashback_pays_first",),
        tests=("test_a_monthly_cap_limits_what_cashback_pays_and_begins_anew",),
        why="under a monthly cap what was left of it at the draw is not kept",
    ),
    11: Invariant(says="main is drawn only when no cashback is left", checks=("cashback_pays_first",)),
    12: Invariant(
        says="one fee of the month job per subscription and period",
        checks=("one_fee_a_month",),
        constraints=("uq_charge_fee",),
    ),
    13: Invariant(
        says="lines of a bill add up to its total",
        checks=("charge_adds_up", "month_adds_up"),
        tests=("test_the_set_based_month_writes_what_the_pure_step_of_each_subscription_decides",),
    ),
    14: Invariant(
        says="refunds restore what was drawn, never more",
        checks=("refunds_add_up", "refund_is_posted"),
        constraints=("ck_charge_refunded_cashback", "ck_charge_refunded_main", "ck_refund_split"),
    ),
    15: Invariant(
        says="a reservation ends exactly once",
        checks=("reservation_ends_once", "commit_is_charged"),
        constraints=("ck_reservation_committed", "ck_reservation_ended_entry"),
    ),
    16: Invariant(
        says="expired holds hold nothing",
        checks=("held_is_reserved",),
        tests=("test_from_its_end_on_a_hold_is_expired_swept_or_not",),
    ),
    17: Invariant(
        says="a reward moves along its states",
        checks=("reward_came_to_its_state", "reward_is_posted_once"),
        constraints=("ck_accrual_state", "ck_accrual_reason_given"),
    ),
    18: Invariant(
        says="one reward per order",
        checks=("reward_is_posted_once", "reward_has_its_order", "welcomed_once"),
        constraints=("uq_accrual_partner_order_id",),
    ),
    19: Invariant(says="confirmed in time, unless overridden", checks=("confirmed_in_time",)),
    20: Invariant(says="a reward is what its promise gives", checks=("reward_is_computed",)),
    21: Invariant(
        says="whole kopecks only",
        checks=("sums_are_whole",),
        tests=(
            "test_every_table_and_column_says_what_it_is_and_no_column_is_a_float",
            "test_nobody_pickles_evaluates_or_rounds_money_by_float",
        ),
    ),
    22: Invariant(
        says="corporate cashback pays handsets only",
        tests=("test_corporate_and_off_net_are_never_credited_and_corporate_pays_its_fee_from_main",),
        why="a contract may have changed since, and what it was is not kept",
    ),
    23: Invariant(
        says="cashback is never money nor another's",
        checks=("movements_are_known",),
        tests=("test_a_top_up_never_becomes_cashback_and_cashback_never_money",),
    ),
    24: Invariant(
        says="cashback never expires; vouchers and holds do",
        checks=("lapse_has_its_leaving", "voucher_is_posted", "voucher_rest_went_back"),
    ),
    25: Invariant(
        says="closed days and periods never change",
        checks=("closed_days_follow", "closed_day_never_changes", "days_count_what_is_sealed"),
        tests=("test_days_are_closed_one_on_the_other_and_never_change",),
    ),
    26: Invariant(
        says="sealed blocks verify",
        checks=("sealed_block_verifies", "sealed_without_gap"),
        tests=("test_one_altered_kopeck_is_found", "test_kept_heads_are_compared"),
    ),
    27: Invariant(
        says="every notice has its movement, every told movement its one notice",
        checks=("movement_is_told", "bill_is_told", "order_is_told", "notice_has_its_movement"),
        constraints=("uq_sms_message_message_id",),
    ),
    28: Invariant(
        says="issued = spent + lapsed + voucher + reversed + outstanding",
        checks=("issued_is_accounted_for", "closed_day_adds_up"),
    ),
    29: Invariant(
        says="readers see before or after a bill, never between",
        tests=("test_sixteen_clients_readers_and_kills_leave_every_answer_in_the_ledger_exactly_once",),
        why="about readers, not about rows",
    ),
    30: Invariant(
        says="after erasure nothing personal is left",
        checks=("erased_is_forgotten", "number_is_owned", "owned_number_is_used"),
        tests=("test_30_after_erasure_no_table_holds_the_number_or_the_name",),
    ),
    31: Invariant(
        says="a batch done again adds nothing",
        checks=("credited_once_a_month", "one_fee_a_month"),
        tests=("test_a_run_whose_checkpoint_is_lost_writes_nothing_new",),
    ),
}


def page() -> str:
    """The page."""
    lines = [
        "# Invariants\n",
        "What must always hold, which named checks of `firstcharge ledger verify` look for it on data, which",
        (
            "constraints of the database refuse it, and which tests prove it. Each check is"
            " proven by a test that damages"
        ),
        "the data behind the constraints (`test_store_verify`, `test_verify_whole`, `test_store_seal`).\n",
        "| | invariant | checks | constraints | tests |",
        "|---|---|---|---|---|",
    ]
    for number, one in INVARIANTS.items():
        checked = _names(one.checks) or f"none: {one.why}"
        if one.checks and one.why:
            checked += f"; {one.why}"
        lines.append(f"| {number} | {one.says} | {checked} | {_names(one.constraints)} | {_names(one.tests)} |")
    return "\n".join(lines) + "\n"


def unshown() -> list[str]:
    """What the page names and is not there, and checks that it does not name."""
    named = {name for one in INVARIANTS.values() for name in one.checks}
    known = known_checks()
    found = [f"docs/invariants.md: there is no check {name}" for name in sorted(named - known)]
    found += [f"docs/invariants.md: no invariant names the check {name}" for name in sorted(known - named)]
    constraints = {name for one in INVARIANTS.values() for name in one.constraints} - _known_constraints()
    found += [f"docs/invariants.md: there is no constraint {name}" for name in sorted(constraints)]
    tests = {name for one in INVARIANTS.values() for name in one.tests} - _known_tests()
    return found + [f"docs/invariants.md: there is no test {name}" for name in sorted(tests)]


def known_checks() -> set[str]:
    """The names of all checks there are."""
    found = {one.name for one in checks(Programme())} | {sums_are_whole().name} | set(NOTICE_CHECKS)
    for path in CODE_OF_CHECKS:
        code = (ROOT / path).read_text(encoding="utf-8")
        found |= set(re.findall(r'invariant="([a-z_]+)"', code))
        found |= set(re.findall(r'_violation\(\s*"([a-z_]+)"', code))
    return found


def _known_constraints() -> set[str]:
    found = {name for statements in POSTING_GUARDS.values() for one in statements for name in _triggers(one)}
    for table in (*metadata.sorted_tables, *outbox_metadata.sorted_tables):
        found |= {str(index.name) for index in table.indexes if isinstance(index, Index)}
        found |= {f"pk_{table.name}"}
        for one in table.constraints:
            if isinstance(one, CheckConstraint | UniqueConstraint):
                found |= {str(one.name), f"ck_{table.name}_{one.name}"}
                found |= {f"uq_{table.name}_{'_'.join(column.name for column in one.columns)}"}
    return found


def _triggers(statement: str) -> Iterable[str]:
    return re.findall(r"TRIGGER (\w+)", statement)


def _known_tests() -> set[str]:
    paths = (ROOT / "tests").rglob("test_*.py")
    return {name for path in paths for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))}


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
