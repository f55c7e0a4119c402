"""One command's changes to one subscription while they are being decided.

A rule posts, puts records and tells events on a draft; the books it started from stay as they are. Postings between
two calls of `begin` form one transaction. The balance row comes out once, with everything it went through.
"""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from billing.answers import Answer
from billing.books import OrderKey
from billing.calendar import period_of
from billing.decision import Context, Outcome
from billing.events import LedgerEvent
from billing.money import Kopecks
from billing.records import Accrual, Balances, Posting, Record, Subscription
from billing.words import Account, PostingKind


class Draft:
    """The growing outcome of one command. `bonus`, `cashback`, `main` stand as after the postings so far."""

    __slots__ = (
        "_accruals",
        "_changes",
        "_start",
        "_tx_no",
        "bonus",
        "bonus_new",
        "cashback",
        "events",
        "main",
        "next_entry",
        "now",
        "period",
        "postings",
        "records",
        "subscription",
    )

    def __init__(self, subscription: Subscription, balances: Balances, context: Context) -> None:
        self.subscription = subscription
        self.now = context.now
        self.period = period_of(context.now, context.programme.zone)
        self.bonus = balances.bonus
        self.cashback = balances.cashback
        self.main = balances.main
        self.bonus_new = balances.bonus_new if balances.bonus_period == self.period else 0
        """What of `bonus` accrued in the current month; it waits for the next 1st (rule 25)."""
        self.next_entry = balances.next_entry
        self.records: list[Record] = []
        self.postings: list[Posting] = []
        self.events: list[LedgerEvent] = []
        self._start = balances
        self._changes: dict[str, Any] = {}
        self._accruals: dict[OrderKey, Accrual] = {}
        self._tx_no = 0

    @property
    def subscription_id(self) -> int:
        """Whose draft this is."""
        return self.subscription.subscription_id

    @property
    def available_cashback(self) -> Kopecks:
        """Cashback that no reservation holds (rule 33)."""
        held: Kopecks = self._changes.get("held_cashback", self._start.held_cashback)
        return self.cashback - held

    @property
    def own_main(self) -> Kopecks:
        """Main above zero that no reservation holds: what a top-up settles from (rule 30)."""
        return max(0, self.main - self._held_main())

    @property
    def drawable_main(self) -> Kopecks:
        """What may be drawn from main: down to the credit limit, nothing that is held (rule 30)."""
        return max(0, self.main - self._held_main() + self._start.credit_limit)

    def _held_main(self) -> Kopecks:
        held: Kopecks = self._changes.get("held_main", self._start.held_main)
        return held

    def field(self, name: str) -> Any:
        """A field of the balance row as it stands in this draft (not bonus, cashback, main)."""
        changes = self._changes
        return changes[name] if name in changes else getattr(self._start, name)

    def change(self, **fields: object) -> None:
        """Change fields of the balance row (not bonus, cashback, main: these are posted)."""
        self._changes.update(fields)

    def begin(self) -> None:
        """What is posted from here on is a new transaction."""
        self._tx_no = 0

    def take_number(self) -> int:
        """An entry number that no posting will have: for what must be unique or ordered without moving money."""
        number = self.next_entry
        self.next_entry += 1
        return number

    def post(
        self,
        kind: PostingKind,
        source: Account,
        target: Account,
        amount: Kopecks,
        *,
        ref: str,
        effective_at: datetime | None = None,
    ) -> None:
        """One balanced movement; a sum of zero moves nothing and leaves no posting.

        What comes to the bonus account is new in this month; what leaves it leaves the older part first, unless the
        caller lowers `bonus_new` itself.
        """
        if not amount:
            return
        entry_no = self.take_number()
        if not self._tx_no:
            self._tx_no = entry_no
        self._move(source, -amount)
        self._move(target, amount)
        self.postings.append(
            Posting(
                subscription_id=self.subscription.subscription_id,
                entry_no=entry_no,
                tx_no=self._tx_no,
                kind=kind,
                source=source,
                target=target,
                amount=amount,
                booked_at=self.now,
                effective_at=self.now if effective_at is None else effective_at,
                ref=ref,
            )
        )

    def _move(self, account: Account, amount: Kopecks) -> None:
        if account is Account.CASHBACK:
            self.cashback += amount
        elif account is Account.MAIN:
            self.main += amount
        elif account is Account.BONUS:
            self.bonus += amount
            self.bonus_new = self.bonus_new + amount if amount > 0 else min(self.bonus_new, self.bonus)

    def put(self, record: Record) -> None:
        """Put a record other than an accrual or the balance row."""
        self.records.append(record)

    def put_accrual(self, accrual: Accrual) -> None:
        """Put an accrual; the last state of one order counts."""
        self._accruals[accrual.partner, accrual.order_id] = accrual

    def latest(self, accrual: Accrual) -> Accrual:
        """The accrual as this draft left it: the credit step may have gone before."""
        return self._accruals.get((accrual.partner, accrual.order_id), accrual)

    def tell(self, event: LedgerEvent) -> None:
        """Tell what happened."""
        self.events.append(event)

    def changes(self) -> tuple[Record, ...]:
        """Every record put, the balance row apart."""
        return (*self.records, *self._accruals.values())

    def balances(self) -> Balances:
        """The balance row after everything in this draft."""
        return replace(
            self._start,
            bonus=self.bonus,
            cashback=self.cashback,
            main=self.main,
            bonus_period=self.period if self.bonus_new else "",
            bonus_new=self.bonus_new,
            next_entry=self.next_entry,
            **self._changes,
        )

    def outcome(self, answer: Answer) -> Outcome:
        """Everything decided, with the command's answer."""
        balances = self.balances()
        records = self.changes()
        return Outcome(
            answer=answer,
            records=records if balances == self._start else (*records, balances),
            postings=tuple(self.postings),
            events=tuple(self.events),
        )
