"""What the HTTP door asks of the program behind it. The composition hands in real ones, tests hand in fakes.

Reads answer in the ledger's own words and raise its refusals for what is unknown; nothing here is a row.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from billing.answers import BalanceView, ChargeView, ReservationAnswer, SubscriberAnswer, VoucherView
from billing.catalogue import PartnerTerms, PromoTerms
from billing.commands import Command
from billing.decision import Outcome
from billing.money import Kopecks
from billing.records import Accrual, Membership, Posting, Subscription
from sms.outbox.browsing import MessagePage, Retried
from sms.outbox.model import MessageView


class Ledger(Protocol):
    """The one way a command reaches the ledger."""

    def execute(self, command: Command, /) -> Awaitable[Outcome]:
        """What the command changed, committed; raises LedgerRefusal."""
        ...

    def execute_all(self, commands: Sequence[Command], /) -> Awaitable[Sequence[Outcome | Exception]]:
        """What became of each of many commands: its outcome, or the error that `execute` would raise."""
        ...


class Erasing(Protocol):
    """Forgets subscribers."""

    def erase(self, msisdn: str) -> Awaitable[SubscriberAnswer]:
        """What is left of the subscription, everything personal gone; raises UnknownSubscriber."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """An advert in every language; `audience` None: all members with consent, else those of these numbers."""

    campaign_id: str
    texts: Mapping[str, str]
    audience: Sequence[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignQueued:
    """How many adverts a campaign queued; `hit`: it was queued before."""

    queued: int
    hit: bool


class Advertising(Protocol):
    """Queues campaigns."""

    def queue(self, campaign: Campaign) -> Awaitable[CampaignQueued]:
        """Queue a campaign to its end; raises Conflict."""
        ...


class BusinessClock(Protocol):
    """The clock that decides months and booked instants."""

    def now(self) -> datetime:
        """Now, aware, UTC."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """A subscription and its standing in the programme; `membership` None: never joined."""

    subscription: Subscription
    membership: Membership | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UssdPage:
    """Session records, newest first, ready for JSON but for their instants; `cursor` where more follow."""

    items: Sequence[Mapping[str, object]]
    cursor: int | None


class Reads(Protocol):
    """Look-ups. Every number is normalised; unknown things raise UnknownSubscriber and its like."""

    def subscriber(self, msisdn: str) -> Awaitable[SubscriberAnswer]:
        """The subscription of a number."""
        ...

    def member(self, msisdn: str) -> Awaitable[MemberView]:
        """The subscription of a number with its membership."""
        ...

    def balance(self, msisdn: str) -> Awaitable[BalanceView]:
        """Everything about money, as of the business clock's now."""
        ...

    def statement(
        self, msisdn: str, *, start: datetime | None, end: datetime | None, before: int | None, limit: int
    ) -> Awaitable[Sequence[Posting]]:
        """Postings newest first, `[start, end)` on booked_at, entry numbers below `before`."""
        ...

    def accrual(self, partner: str, order_id: str) -> Awaitable[Accrual]:
        """One order."""
        ...

    def accruals(self, msisdn: str) -> Awaitable[Sequence[Accrual]]:
        """All orders of a subscription, newest first."""
        ...

    def charge(self, charge_id: str) -> Awaitable[ChargeView]:
        """One charge as it stands now."""
        ...

    def voucher(self, voucher_id: str) -> Awaitable[VoucherView]:
        """One voucher as it stands now."""
        ...

    def reservation(self, reservation_id: str) -> Awaitable[ReservationAnswer]:
        """One reservation as it stands now."""
        ...

    def messages(self, msisdn: str) -> Awaitable[Sequence[MessageView]]:
        """Messages of a subscription, oldest first."""
        ...

    def ussd_records(
        self, *, start: datetime | None, end: datetime | None, cursor: int | None, limit: int
    ) -> Awaitable[UssdPage]:
        """Session records, newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueDocument:
    """The whole running set as given: versions of partners' terms and promotions, in the order they were put."""

    partners: Sequence[PartnerTerms]
    promos: Sequence[PromoTerms]


class Directory(Protocol):
    """Tariffs, the partner catalogue and its secrets."""

    def put_tariff(self, code: str, fee: Kopecks) -> Awaitable[None]:
        """Create or change a tariff plan."""
        ...

    def catalogue(self) -> Awaitable[CatalogueDocument]:
        """The running catalogue, whichever process put it."""
        ...

    def put_catalogue(self, document: CatalogueDocument, secrets: Mapping[str, Sequence[str]]) -> Awaitable[None]:
        """Replace the whole set; partners that `secrets` does not name keep theirs. Raises CeilingBroken."""
        ...

    def secrets(self, partner: str) -> Awaitable[Sequence[str]]:
        """The live secrets of a partner's postbacks, also of one left out of the running catalogue."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRunView:
    """Where the job of a 1st stands. `progress` from 0 to 1."""

    period: str
    status: str
    expired_count: int = 0
    expired_amount: Kopecks = 0
    credited_count: int = 0
    credited_amount: Kopecks = 0
    charged_count: int = 0
    charged_amount: Kopecks = 0
    charged_cashback: Kopecks = 0
    charged_main: Kopecks = 0
    charged_unpaid: Kopecks = 0
    notices: int = 0
    progress: float = 0.0


class Months(Protocol):
    """The jobs of the 1st."""

    def request(self, period: str) -> Awaitable[tuple[MonthRunView, bool]]:
        """Ask for a run: (where it stands, whether it was done already). Raises NotDue for a future month."""
        ...

    def view(self, period: str) -> Awaitable[MonthRunView]:
        """Where a run stands; one that was never begun is `pending`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWork:
    """One piece of due work that a move of the clock ran."""

    at: datetime
    what: str


class ClockRefused(Exception):
    """A move back."""


class ManualClockDoor(Protocol):
    """The manual business clock as operators move it."""

    def is_manual(self) -> bool:
        """Whether there is one to move."""
        ...

    def look(self) -> Awaitable[datetime]:
        """Where it stands, whichever process moved it."""
        ...

    def advance(self, to: datetime) -> Awaitable[Sequence[DueWork]]:
        """Move forward, run what is due, and wait for its messages. Raises ClockRefused for a move back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What `ledger verify` found; each violation names the invariant, where, and what differs."""

    checked: int
    violations: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxQuery:
    """Which messages of the outbox: all that is given must fit."""

    state: str | None = None
    kind: str | None = None
    msisdn: str | None = None
    before: int | None = None
    limit: int = 100


class Outbox(Protocol):
    """Messages as operators handle them."""

    def browse(self, query: OutboxQuery) -> Awaitable[MessagePage]:
        """A page, newest first; raises UnknownSubscriber."""
        ...

    def find(self, message_id: str) -> Awaitable[MessageView | None]:
        """One message."""
        ...

    def retry(self, message_id: str) -> Awaitable[tuple[MessageView | None, bool]]:
        """Queue a dead letter again: what it is now, and whether it was one that may go again."""
        ...

    def retry_all(self, kind: str | None, before: int | None, limit: int) -> Awaitable[Retried]:
        """Queue many dead letters again, newest first."""
        ...


class LinksRefused(Exception):
    """The links of the configuration cannot be gone by; `findings` say what to mend where."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = tuple(findings)


class LinkControl(Protocol):
    """SMPP links as operators handle them; False says there is no such link."""

    def all_links(self) -> Awaitable[Sequence[Mapping[str, object]]]:
        """Every link of this process, ready for JSON but for instants."""
        ...

    def pause(self, name: str) -> Awaitable[bool]:
        """Let nothing go on a link."""
        ...

    def resume(self, name: str) -> Awaitable[bool]:
        """Let messages go on it again."""
        ...

    def reload(self) -> Awaitable[Mapping[str, Sequence[str]]]:
        """Go by the configuration's links as they are now: names that were added, removed, changed, untouched.

        Raises LinksRefused, and then nothing is changed.
        """
        ...


class Operations(Protocol):
    """The program as its operators see it."""

    def unready(self) -> Awaitable[Sequence[str]]:
        """What keeps it from serving, in words; nothing when ready."""
        ...

    def status(self) -> Awaitable[Mapping[str, object]]:
        """Links, outbox, month run, clock, alarms: JSON-ready."""
        ...

    def verify(self) -> Awaitable[Verdict]:
        """Check all invariants of the ledger."""
        ...

    def metrics(self) -> bytes:
        """The metrics page."""
        ...
