"""What keeps ledger and outbox right, each as a text that can be taken out, and the tests that must notice."""

from dataclasses import dataclass

OUTBOX = "tests/unit/test_outbox_store.py"
SENDERS = "tests/unit/test_outbox_senders.py"
DATABASE = "tests/service/test_database.py"
POSTGRES = "tests/service/test_database_postgres.py"
LEDGER = "tests/unit/test_store_ledger.py"
SCHEMA = "tests/unit/test_store_schema.py"
REQUESTS = "tests/unit/test_billing_requests.py"
LEASES = "tests/service/test_leases.py"
LOCKS = "tests/service/test_locks.py"
ORACLE = "tests/property/test_bill_oracle.py"
MONTH = "tests/property/test_store_month_differential.py"
CHARGING = "tests/unit/test_billing_charging.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """`old` stands once in `module`; with `new` in its place a test of `tests` must fail. `quick`: in every run."""

    name: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]
    quick: bool = False


PROTECTIONS: tuple[Protection, ...] = (
    # Row locks, turns, isolation
    Protection(
        name="FOR UPDATE of the balance rows a group of commands touches",
        module="billing.store.dialects",
        old="    .order_by(balance.c.subscription_id)\n    .with_for_update()\n",
        new="    .order_by(balance.c.subscription_id)\n",
        tests=(f"{LOCKS}::test_a_charge_that_meets_another_of_the_same_number_decides_on_what_that_one_left",),
    ),
    Protection(
        name="those rows are locked in id order",
        module="billing.store.dialects",
        old="    .order_by(balance.c.subscription_id)\n    .with_for_update()\n",
        new="    .with_for_update()\n",
        tests=(f"{LOCKS}::test_balance_rows_are_locked_in_id_order_however_they_lie",),
    ),
    Protection(
        name="FOR UPDATE of the balance rows of a month's chunk",
        module="billing.store.month_sql",
        old=".order_by(key).with_for_update()",
        new=".order_by(key)",
        tests=(f"{LOCKS}::test_a_months_chunk_waits_for_a_charge_and_decides_on_what_it_left",),
    ),
    Protection(
        name="FOR SHARE of the consents a campaign reads",
        module="gateway.campaigns",
        old="    .with_for_update(read=True, of=schema.membership)\n",
        new="",
        tests=(f"{LOCKS}::test_a_consent_that_a_campaign_has_read_stays_until_its_adverts_are_committed",),
    ),
    Protection(
        name="who moves messages takes a turn",
        module="sms.outbox.turns",
        old='func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger))',
        new='bindparam("key", type_=BigInteger)',
        tests=("tests/service/test_outbox_turns.py",),
    ),
    Protection(
        name="BEGIN IMMEDIATE of SQLite's writer",
        module="gateway.database",
        old='"BEGIN" if read_only else "BEGIN IMMEDIATE"',
        new='"BEGIN"',
        tests=(f"{LOCKS}::test_sqlites_writer_has_the_file_alone_from_its_first_statement_on",),
        quick=True,
    ),
    Protection(
        name="SQLite's reader cannot write",
        module="gateway.database",
        old='            connection.execute("PRAGMA query_only=ON")',
        new="            pass",
        tests=(DATABASE,),
    ),
    Protection(
        name="foreign keys are enforced on SQLite",
        module="gateway.database",
        old="PRAGMA foreign_keys=ON",
        new="PRAGMA foreign_keys=OFF",
        tests=(f"{LOCKS}::test_the_sqlite_we_open_keeps_foreign_keys_and_commits_to_the_disk",),
    ),
    Protection(
        name="a commit is on the disk (synchronous=FULL)",
        module="gateway.database",
        old="PRAGMA synchronous=FULL",
        new="PRAGMA synchronous=OFF",
        tests=(f"{LOCKS}::test_the_sqlite_we_open_keeps_foreign_keys_and_commits_to_the_disk",),
    ),
    Protection(
        name="one process per SQLite file",
        module="gateway.database",
        old="fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        new="fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)",
        tests=(DATABASE,),
    ),
    Protection(
        name="PostgreSQL's reader cannot write",
        module="gateway.postgres",
        old="postgresql_readonly=read_only",
        new="postgresql_readonly=False",
        tests=(POSTGRES,),
    ),
    Protection(
        name="a reading sees one instant (REPEATABLE READ)",
        module="gateway.postgres",
        old='"REPEATABLE READ" if read_only else "READ COMMITTED"',
        new='"READ COMMITTED"',
        tests=(POSTGRES,),
    ),
    Protection(
        name="what met a deadlock is run again",
        module="gateway.postgres",
        old='"40001", "40P01", "23505"',
        new='"40001", "23505"',
        tests=(POSTGRES,),
    ),
    Protection(
        name="what met the same key is run again",
        module="gateway.postgres",
        old='"40001", "40P01", "23505"',
        new='"40001", "40P01"',
        tests=(POSTGRES,),
    ),
    Protection(
        name="a commit of unknown fate is not run again",
        module="gateway.lanes",
        old="error.connection_invalidated and not self._is_committing",
        new="error.connection_invalidated",
        tests=(f"{LOCKS}::test_a_commit_under_which_the_connection_broke_is_not_asked_for_again",),
    ),
    Protection(
        name="a broken connection is not used again",
        module="gateway.lanes",
        old="            self._close()\n            raise\n",
        new="            raise\n",
        tests=(f"{LOCKS}::test_after_a_lost_session_the_next_one_serves_the_database_again",),
    ),
    # Several gateways
    Protection(
        name="neither clock nor catalogue changes while something is decided",
        module="gateway.postgres",
        old='f"SELECT pg_advisory_xact_lock_shared({STANDING_LOCK})"',
        new='"SELECT 1"',
        tests=(f"{LEASES}::test_the_clock_does_not_move_while_something_is_decided",),
    ),
    Protection(
        name="every transaction goes by the newest clock and catalogue",
        module="gateway.standing",
        old="        self._clock.saw(row[0])\n",
        new="",
        tests=(f"{LEASES}::test_a_clock_moved_by_one_process_is_where_the_other_one_reads_writes_and_moves_it",),
    ),
    Protection(
        name="due work: a lease is taken only when it is free or lapsed",
        module="gateway.leases",
        old="(lease.c.owner == mine.excluded.owner) | (lease.c.until <= now)",
        new="(lease.c.owner == mine.excluded.owner) | (lease.c.until <= now) | (lease.c.until > now)",
        tests=(f"{LEASES}::test_a_lease_is_one_process_s_until_it_is_given_back_or_lapses",),
    ),
    Protection(
        name="due work: who lost the lease commits nothing",
        module="gateway.leases",
        old="if until is None or until <= now_of(connection, now_wall):",
        new="if False:",
        tests=(LEASES,),
    ),
    Protection(
        name="due work: the lease is kept until the commit (FOR SHARE)",
        module="gateway.leases",
        old=".with_for_update(read=True)",
        new="",
        tests=(f"{LOCKS}::test_a_lease_that_lapses_during_a_transaction_is_taken_over_after_its_commit",),
    ),
    # Request keys
    Protection(
        name="a known id is answered, not done again",
        module="billing.requests",
        old="    if known is None:",
        new="    if True:",
        tests=(REQUESTS,),
        quick=True,
    ),
    Protection(
        name="a known id with other figures is a conflict",
        module="billing.requests",
        old="if not same_figures(known.figures, asked):",
        new="if False:",
        tests=(LEDGER,),
    ),
    Protection(
        name="a request key is inserted, never overwritten",
        module="billing.store.writer",
        old='(RequestKey, rows.REQUEST_KEY, "error")',
        new='(RequestKey, rows.REQUEST_KEY, "replace")',
        tests=(f"{LOCKS}::test_one_id_for_two_numbers_at_once_is_one_request",),
    ),
    Protection(
        name="request keys are loaded before a command is decided",
        module="billing.store.loader",
        old="    for kind, keys in _grouped(wanted.keys):",
        new="    for kind, keys in _grouped(()):",
        tests=(LEDGER,),
    ),
    Protection(
        name="a group that failed runs again one by one",
        module="gateway.grouping",
        old="            if len(group) == 1:",
        new="            if True:",
        tests=("tests/unit/test_grouping.py",),
    ),
    # The journal
    Protection(
        name="SQLite: postings are never updated",
        module="billing.store.schema",
        old="posting_no_update BEFORE UPDATE ON posting BEGIN",
        new="posting_no_update BEFORE UPDATE ON posting WHEN 0 BEGIN",
        tests=(SCHEMA,),
    ),
    Protection(
        name="SQLite: postings are never deleted",
        module="billing.store.schema",
        old="posting_no_delete BEFORE DELETE ON posting BEGIN",
        new="posting_no_delete BEFORE DELETE ON posting WHEN 0 BEGIN",
        tests=(f"{SCHEMA}::test_postings_are_never_changed",),
    ),
    Protection(
        name="PostgreSQL: postings are never updated",
        module="billing.store.schema",
        old="BEFORE UPDATE OR DELETE OR TRUNCATE ON posting",
        new="BEFORE DELETE OR TRUNCATE ON posting",
        tests=(SCHEMA,),
    ),
    Protection(
        name="PostgreSQL: postings are never deleted",
        module="billing.store.schema",
        old="BEFORE UPDATE OR DELETE OR TRUNCATE ON posting",
        new="BEFORE UPDATE OR TRUNCATE ON posting",
        tests=(SCHEMA,),
    ),
    Protection(
        name="PostgreSQL: the journal is never truncated",
        module="billing.store.schema",
        old="BEFORE UPDATE OR DELETE OR TRUNCATE ON posting",
        new="BEFORE UPDATE OR DELETE ON posting",
        tests=(f"{LOCKS}::test_the_journal_is_never_truncated",),
    ),
    # First charge
    Protection(
        name="held cashback is left alone",
        module="billing.draft",
        old="return self.cashback - held",
        new="return self.cashback",
        tests=(ORACLE,),
    ),
    Protection(
        name="held main is left alone",
        module="billing.draft",
        old="return max(0, self.main - self._held_main() + self._start.credit_limit)",
        new="return max(0, self.main + self._start.credit_limit)",
        tests=(ORACLE,),
    ),
    Protection(
        name="cashback pays first",
        module="billing.charging",
        old="cashback = min(draft.available_cashback, amount)",
        new="cashback = min(draft.available_cashback, max(0, amount - draft.drawable_main))",
        tests=(f"{ORACLE}::test_the_ledger_splits_every_charge_as_the_second_reading_of_the_rules_does",),
    ),
    Protection(
        name="a refund gives back no more than was drawn",
        module="billing.refunds",
        old="if cashback > charge.cashback - charge.refunded_cashback:",
        new="if cashback > charge.cashback:",
        tests=(ORACLE, CHARGING),
    ),
    # Outbox
    Protection(
        name="one message in flight per number, also within a claim",
        module="sms.outbox.claim",
        old="elif is_blocked or one.msisdn in busy:",
        new="elif is_blocked:",
        tests=(OUTBOX,),
    ),
    Protection(
        name="one message in flight per number, over all claims",
        module="sms.outbox.claim",
        old="elif is_blocked or one.msisdn in busy:",
        new="elif one.msisdn in busy:",
        tests=(OUTBOX,),
    ),
    Protection(
        name="a living sender's messages are left alone (lease)",
        module="sms.outbox.senders",
        old="    message.c.lease_owner.not_in(_ALIVE),\n",
        new="",
        tests=(SENDERS,),
    ),
    Protection(
        name="what may have been written is in doubt, never queued again in silence",
        module="sms.outbox.senders",
        old="        if state == OutboxState.CLAIMED:",
        new="        if True:",
        tests=(SENDERS,),
    ),
)
