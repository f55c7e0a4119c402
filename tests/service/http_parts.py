"""The HTTP door on a transport in memory, with fakes behind its ports."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as structure_replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fake_journal import FakeJournal
from msgspec.structs import replace
from pydantic import TypeAdapter
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from billing import answers, errors
from billing.charging import Split
from billing.commands import Command
from billing.decision import Outcome
from billing.records import (
    Accrual,
    Balances,
    Charge,
    Click,
    Membership,
    Posting,
    Refund,
    Reward,
    Settlement,
    Subscription,
    Voucher,
)
from billing.store.bill_facts import BillFacts, Found
from billing.store.bulk_charges import BulkLine
from billing.words import (
    Account,
    AccrualState,
    Category,
    Channel,
    ChargeStatus,
    ChargeType,
    MembershipState,
    OrderChannel,
    PostingKind,
    ReservationState,
    VoucherState,
)
from gateway.bill_explain import Explanation, Step, ToldOf
from gateway.http.api import ApiParts, build_router
from gateway.http.auth import KeyRecord, Keys, Principal, Scope, hash_of
from gateway.http.channel import DoorChannel
from gateway.http.door import DoorLimits, HttpDoor
from gateway.http.ports import (
    Campaign,
    CampaignQueued,
    CatalogueDocument,
    ClockRefused,
    DueWork,
    LinksRefused,
    MemberView,
    MonthRunView,
    OutboxQuery,
    UssdPage,
    Verdict,
)
from gateway.http.problems import Problem
from gateway.http.routing import Route
from sms.outbox.browsing import MessagePage, Retried
from sms.outbox.model import AttemptView, MessageView, OutboxState, ReceiptView

A = "79160000001"
NOW = datetime(2025, 3, 3, 9, tzinfo=UTC)
MOSCOW = ZoneInfo("Europe/Moscow")
WALL = 1_741_000_000.0
KEY = "demo-key"
SECRET = "s1-secret"
EMPTY = CatalogueDocument(partners=(), promos=())

SUBSCRIPTION = Subscription(subscription_id=2**61, msisdn=A, created_at=NOW)
MEMBERSHIP = Membership(
    subscription_id=2**61,
    state=MembershipState.ACTIVE,
    joined_at=NOW,
    channel=Channel.WEB,
    terms_version="1",
    terms_accepted_at=NOW,
    adverts=True,
    adverts_source="web",
    adverts_at=NOW,
    adverts_text_version="3",
)
CLICK = Click(
    click_id="click-1", subscription_id=7, msisdn=A, partner="ozon", clicked_at=NOW, valid_until=NOW,
    reward=Reward(percent=5_000_000), min_purchase=0, terms_version="1",
)  # fmt: skip
ACCRUAL = Accrual(
    subscription_id=7, partner="ozon", order_id="o-1", partner_name="Ozon", category=Category.SHOP,
    click_id="click-1", promise=Reward(percent=5_000_000), min_purchase=0, terms_version="1", goods=100000,
    delivery=30000, channel=OrderChannel.WEB, paid_at=NOW, paid_figures="x", recorded_at=NOW, deadline=NOW,
    state=AccrualState.PENDING, reward=5000,
)  # fmt: skip
CHARGE = Charge(
    subscription_id=7, charge_id="c-1", entry_no=3, type=ChargeType.USAGE, amount=65000, cashback=15000,
    main=30000, unpaid=10000, status=ChargeStatus.PART_PAID, settled=10000, refunded_main=5000,
    occurred_at=NOW, booked_at=NOW,
)  # fmt: skip
VOUCHER = Voucher(
    subscription_id=7, voucher_id="v-1", code="ABCDEFGH2345", source=Account.BONUS, amount=40000,
    handset_price=None, valid_until=datetime(2025, 9, 30, 21, tzinfo=UTC), state=VoucherState.ISSUED,
    issued_at=NOW,
)  # fmt: skip
ANSWERS: Mapping[str, Any] = {
    "PutSubscriber": answers.SubscriberAnswer(
        subscription=SUBSCRIPTION, credit_limit=0, membership=MembershipState.NONE
    ),
    "RegisterMember": answers.MemberAnswer(msisdn=A, membership=MEMBERSHIP, welcome_bonus=5000),
    "LeaveProgramme": answers.LeaveAnswer(lapsed=8000),
    "SetAdverts": answers.AdvertsAnswer(membership=MEMBERSHIP, changed=True),
    "RecordClick": answers.ClickAnswer(click=CLICK),
    **dict.fromkeys(
        ("OrderPaid", "OrderConfirmed", "OrderRejected", "OrderAmended", "OrderReturned", "OverrideAccrual"),
        answers.OrderAnswer(accrual=ACCRUAL, spendable_from=date(2025, 4, 1)),
    ),
    "CreditPromo": answers.PromoAnswer(
        promo="quiz", action_id="q-1", msisdn=A, amount=3000, spendable_from=date(2025, 4, 1)
    ),
    "DrawCharge": answers.ChargeAnswer(
        charge_id="c-1", msisdn=A, type=ChargeType.USAGE, amount=65000, cashback=15000, main=50000, unpaid=0,
        status=ChargeStatus.PAID, booked_at=NOW,
        steps=(
            answers.Step(source=Account.CASHBACK, amount=15000),
            answers.Step(source=Account.MAIN, amount=50000),
        ),
    ),
    "RefundCharge": answers.RefundAnswer(refund_id="r-1", unpaid=0, main=5000, cashback=0),
    "TopUp": answers.TopUpAnswer(
        topup_id="t-1", main=80000, settled=(answers.SettledPart(charge_id="c-1", amount=10000),)
    ),
    "IssueVoucher": answers.VoucherAnswer(
        voucher_id="v-1", code="ABCDEFGH2345", amount=40000, valid_until=date(2025, 9, 30),
        state=VoucherState.ISSUED,
    ),
    "CancelVoucher": answers.VoucherAnswer(
        voucher_id="v-1", code="ABCDEFGH2345", amount=40000, valid_until=date(2025, 9, 30),
        state=VoucherState.CANCELLED,
    ),
    "RedeemVoucher": answers.RedemptionAnswer(
        redemption_id="d-1", voucher_id="v-1", amount=15000, returned=25000, state=VoucherState.REDEEMED
    ),
    "CreditOnDemand": answers.CreditAnswer(credit_id="cr-1", credited=8000),
}  # fmt: skip


HELD = answers.ReservationAnswer(
    reservation_id="h-1", msisdn=A, type=ChargeType.USAGE, amount=10000, state=ReservationState.HELD,
    cashback=8000, main=2000, expires_at=NOW, charge_id=None,
)  # fmt: skip
ANSWERS = {
    **ANSWERS,
    "ChangeNumber": answers.SubscriberAnswer(
        subscription=replace(SUBSCRIPTION, msisdn="79160000099"), credit_limit=0, membership=MembershipState.ACTIVE
    ),
    "PortOut": answers.LeaveAnswer(lapsed=22000),
    "Reserve": HELD,
    "CommitReservation": replace(HELD, state=ReservationState.COMMITTED, cashback=6000, main=0, charge_id="hold:h-1"),
    "ReleaseReservation": replace(HELD, state=ReservationState.RELEASED, cashback=0, main=0),
}


class FakeLedger:
    """Answers every command with its kind's sample; a refusal or an error where a test wants one."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.fails: dict[str, Exception] = {}
        self.hits: set[str] = set()
        self.holds: list[Deferred[None]] = []
        self.is_held = False

    async def execute(self, command: Command) -> Outcome:
        kind = type(command).__name__
        self.commands.append(command)
        if self.is_held:
            hold: Deferred[None] = Deferred()
            self.holds.append(hold)
            await hold
        if kind in self.fails:
            raise self.fails[kind]
        return Outcome(answer=ANSWERS[kind], hit=kind in self.hits)

    async def execute_all(self, commands: Sequence[Command]) -> Sequence[Outcome | Exception]:
        drawn = DeferredList([Deferred.fromCoroutine(self.execute(one)) for one in commands], consumeErrors=True)
        return [result if succeeded else result.value for succeeded, result in await drawn]


class FakeErasing:
    """Forgets whoever is named."""

    async def erase(self, msisdn: str) -> answers.SubscriberAnswer:
        if msisdn != A:
            raise errors.UnknownSubscriber("no subscription has this number")
        return replace(ANSWERS["PutSubscriber"], subscription=replace(SUBSCRIPTION, msisdn=""))


class FakeAdvertising:
    """Queues every campaign to three members; those in `known` were queued before."""

    def __init__(self) -> None:
        self.campaigns: list[Campaign] = []
        self.known: set[str] = set()

    async def queue(self, campaign: Campaign) -> CampaignQueued:
        self.campaigns.append(campaign)
        return CampaignQueued(queued=3, hit=campaign.campaign_id in self.known)


class FakeReads:
    """One subscription, and everything of it once."""

    asked: tuple[Any, ...] = ()

    def _known(self, msisdn: str) -> None:
        if msisdn != A:
            raise errors.UnknownSubscriber("no subscription has this number")

    async def subscriber(self, msisdn: str) -> answers.SubscriberAnswer:
        self._known(msisdn)
        return ANSWERS["PutSubscriber"]  # type: ignore[no-any-return]

    async def member(self, msisdn: str) -> MemberView:
        self._known(msisdn)
        return MemberView(subscription=SUBSCRIPTION, membership=MEMBERSHIP)

    async def balance(self, msisdn: str) -> answers.BalanceView:
        self._known(msisdn)
        return answers.BalanceView(
            subscription=SUBSCRIPTION,
            membership=MembershipState.ACTIVE,
            balances=Balances(
                subscription_id=7, bonus=8000, cashback=15000, main=-500, credited_period="2025-03", carry_over=100
            ),
            pending=3500,
            bonus_due_on=date(2025, 4, 1),
            bonus_held=0,
            unpaid=100,
            as_of=NOW,
        )

    async def statement(self, msisdn: str, **how: Any) -> Sequence[Posting]:
        self._known(msisdn)
        self.asked = tuple(how.values())
        return [
            Posting(
                subscription_id=7, entry_no=number, tx_no=1, kind=PostingKind.WELCOME,
                source=Account.PROGRAMME_EXPENSE, target=Account.BONUS, amount=5000, booked_at=NOW,
                effective_at=NOW, ref="welcome",
            )
            for number in range(min(how["limit"], 300), 0, -1)
        ]  # fmt: skip

    async def accrual(self, partner: str, order_id: str) -> Accrual:
        if partner not in {"ozon", "lamoda"} or order_id != "o-1":
            raise errors.UnknownOrder("this order was never paid")
        return ACCRUAL

    async def accruals(self, msisdn: str) -> Sequence[Accrual]:
        self._known(msisdn)
        return [ACCRUAL]

    async def charge(self, charge_id: str) -> answers.ChargeView:
        if charge_id != "c-1":
            raise errors.UnknownCharge("no charge has this id")
        return answers.ChargeView(
            charge=CHARGE,
            msisdn=A,
            refunds=(
                Refund(
                    subscription_id=7, charge_id="c-1", refund_id="r-1", amount=5000, unpaid=0, main=5000,
                    cashback=0, at=NOW,
                ),
            ),
            settlements=(
                Settlement(subscription_id=7, charge_id="c-1", topup_id="t-1", amount=10000, at=NOW),
            ),
        )  # fmt: skip

    async def voucher(self, voucher_id: str) -> answers.VoucherView:
        if voucher_id != "v-1":
            raise errors.UnknownVoucher("no voucher has this id")
        return answers.VoucherView(voucher=VOUCHER, msisdn=A)

    async def reservation(self, reservation_id: str) -> answers.ReservationAnswer:
        if reservation_id != "h-1":
            raise errors.UnknownReservation("no reservation has this id")
        return HELD

    async def messages(self, msisdn: str) -> Sequence[MessageView]:
        self._known(msisdn)
        return [
            MessageView(
                message_id="registered:7", kind="registered", text="Вы участник", language="ru",
                state=OutboxState.DELIVERED, reason=None, created_at=NOW, not_before=NOW, segments=1,
                attempts=(AttemptView(at=NOW, link="smsc-1", segment=1, status="ESME_ROK", smsc_id="1A"),),
                receipts=(ReceiptView(at=NOW, segment=1, state="delivered", error="000", done_date=""),),
            )
        ]  # fmt: skip

    async def ussd_records(self, **how: Any) -> UssdPage:
        self.asked = tuple(how.values())
        record = {
            "session_id": "s", "msisdn": "m:1", "code": "*100#", "dialled": "*100#", "outcome": "answered",
            "began_at": NOW, "trail": ["begin", "end"], "latency_ms": 5, "duration_ms": 5, "octets": 40,
        }  # fmt: skip
        return UssdPage(items=[record], cursor=17)


MESSAGE = MessageView(
    message_id="accrued:ozon:o-1", kind="accrued", text="Начислено", language="ru", state=OutboxState.DEAD,
    reason="ESME_RINVDSTADR", created_at=NOW, not_before=NOW, segments=1, msisdn=A,
    attempts=(AttemptView(at=NOW, link="smsc-1", segment=1, status="ESME_RINVDSTADR", smsc_id=None),),
    receipts=(),
)  # fmt: skip


@dataclass
class FakeOutbox:
    """One dead letter."""

    asked: list[OutboxQuery] = field(default_factory=list)
    retries: list[tuple[str | None, int | None, int]] = field(default_factory=list)

    async def browse(self, query: OutboxQuery) -> MessagePage:
        self.asked.append(query)
        return MessagePage(messages=[MESSAGE], before=17)

    async def find(self, message_id: str) -> MessageView | None:
        return MESSAGE if message_id == MESSAGE.message_id else None

    async def retry(self, message_id: str) -> tuple[MessageView | None, bool]:
        if message_id == MESSAGE.message_id:
            return structure_replace(MESSAGE, state=OutboxState.QUEUED, reason=None), True
        if message_id == "refused":
            return structure_replace(MESSAGE, reason="OPTED_OUT"), False
        return None, False

    async def retry_all(self, kind: str | None, before: int | None, limit: int) -> Retried:
        self.retries.append((kind, before, limit))
        return Retried(retried=3, doubtful=0, before=None)


class FakeLinks:
    """One link."""

    def __init__(self) -> None:
        self.paused_since: datetime | None = None
        self.findings: list[str] = []

    async def all_links(self) -> Sequence[Mapping[str, object]]:
        return [
            {
                "name": "smsc-1", "roles": ["sms"], "state": "bound", "host": "10.0.0.1", "port": 2775, "tls": False,
                "bind": "transceiver", "weight": 1, "window": 10, "window_used": 0, "rate_per_s": None,
                "paused_since": self.paused_since,
            }
        ]  # fmt: skip

    async def pause(self, name: str) -> bool:
        self.paused_since = NOW if name == "smsc-1" else self.paused_since
        return name == "smsc-1"

    async def reload(self) -> Mapping[str, Sequence[str]]:
        if self.findings:
            raise LinksRefused(self.findings)
        return {"added": ["smsc-2"], "removed": [], "changed": [], "untouched": ["smsc-1"]}

    async def resume(self, name: str) -> bool:
        self.paused_since = None if name == "smsc-1" else self.paused_since
        return name == "smsc-1"


@dataclass
class FakeDirectory:
    """Tariffs and catalogue in memory."""

    document: CatalogueDocument = EMPTY
    kept: dict[str, Sequence[str]] = field(default_factory=lambda: {"ozon": (SECRET, "s2-secret")})
    tariffs: dict[str, int] = field(default_factory=dict)

    async def put_tariff(self, code: str, fee: int) -> None:
        self.tariffs[code] = fee

    async def catalogue(self) -> CatalogueDocument:
        return self.document

    async def put_catalogue(self, document: CatalogueDocument, secrets: Mapping[str, Sequence[str]]) -> None:
        self.document = document
        self.kept |= secrets

    async def secrets(self, partner: str) -> Sequence[str]:
        return self.kept.get(partner, ())


@dataclass
class FakeProgram:
    """Months, clock and operations."""

    is_done: bool = False
    manual: bool = True
    at: datetime = NOW
    reasons: list[str] = field(default_factory=list)
    violations: list[dict[str, object]] = field(default_factory=list)

    async def request(self, period: str) -> tuple[MonthRunView, bool]:
        if period > "2025-03":
            raise errors.NotDue(f"{period} has not begun")
        return MonthRunView(period=period, status="done" if self.is_done else "running"), self.is_done

    async def view(self, period: str) -> MonthRunView:
        return MonthRunView(period=period, status="pending")

    def is_manual(self) -> bool:
        return self.manual

    async def look(self) -> datetime:
        return self.at

    async def advance(self, to: datetime) -> Sequence[DueWork]:
        if to < self.at:
            raise ClockRefused("the business clock only moves forward")
        self.at = to
        return [DueWork(at=to, what="month")]

    async def unready(self) -> Sequence[str]:
        return self.reasons

    async def status(self) -> Mapping[str, object]:
        return {"links": [], "outbox": {}, "month_run": None, "clock": {"now": "x"}, "alarms": []}

    async def verify(self) -> Verdict:
        return Verdict(checked=42, violations=self.violations)

    def metrics(self) -> bytes:
        return b"# HELP firstcharge_up x\n"


@dataclass(frozen=True)
class Answer:
    """A decoded HTTP answer."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> Any:
        assert self.headers["content-type"] == "application/problem+json", self
        assert self.body["status"] == self.status
        return self.body["code"]


class FakeExplaining:
    """Explains c-1."""

    async def explain(self, charge_id: str, /) -> Explanation:
        if charge_id != "c-1":
            raise errors.UnknownCharge("no charge has this id")
        found = Found(cashback=15_000, main=80_000, held_cashback=0, held_main=0, credit_limit=0)
        entry = Posting(
            subscription_id=7, entry_no=9, tx_no=9, kind=PostingKind.CHARGE, source=Account.CASHBACK,
            target=Account.REVENUE, amount=15_000, booked_at=NOW, effective_at=NOW, ref="c-1",
        )  # fmt: skip
        view = answers.ChargeView(charge=CHARGE, msisdn=A, refunds=(), settlements=())
        facts = BillFacts(view=view, found=found, drawn=(entry,), later=(), finds_no_cashback_first=False)
        told = ToldOf(message_id="bill:c-1", kind="bill", state="delivered", text="Bill")
        return Explanation(facts=facts, steps=(Step(rule="28", text="Cashback pays first."),), messages=(told,))


class FakeBulk:
    """Every line is paid from cashback, unless a refusal is set."""

    chunk_lines = 3

    def __init__(self) -> None:
        self.lines: list[BulkLine] = []
        self.refusal: errors.LedgerRefusal | None = None

    async def draw(self, lines: Sequence[BulkLine], /) -> Sequence[Split | errors.LedgerRefusal]:
        self.lines += lines
        return [self.refusal or Split(cashback=one.command.amount, main=0, unpaid=0) for one in lines]


class Door:
    """The whole API behind a door, with one connection at a time."""

    def __init__(self, *extra: Route, limits: DoorLimits | None = None) -> None:
        self.clock = Clock()
        self.wall = WALL
        self.ledger = FakeLedger()
        self.bulk = FakeBulk()
        self.reads = FakeReads()
        self.advertising = FakeAdvertising()
        self.directory = FakeDirectory()
        self.program = FakeProgram()
        self.journal = FakeJournal()
        self.rejected: list[str] = []
        self.conflicted: list[str] = []
        records = [
            KeyRecord(hash=hash_of(KEY), principal=Principal(name="demo", scopes=frozenset(Scope))),
            *(
                KeyRecord(hash=hash_of(f"{one}-key"), principal=Principal(name=one, scopes=frozenset({one})))
                for one in Scope
            ),
            KeyRecord(
                hash=hash_of("ozon-key"),
                principal=Principal(name="ozon", scopes=frozenset({Scope.PARTNER}), partner="ozon"),
            ),
        ]
        self.outbox = FakeOutbox()
        self.links = FakeLinks()
        self.keys = Keys(records, b"c" * 32)
        self.router = build_router(
            ApiParts(
                ledger=self.ledger,
                bulk=self.bulk,
                explaining=FakeExplaining(),
                erasing=FakeErasing(),
                advertising=self.advertising,
                reads=self.reads,
                directory=self.directory,
                months=self.program,
                clock=self.program,
                operations=self.program,
                outbox=self.outbox,
                links=self.links,
                journal=self.journal,
                keys=self.keys,
                wall=lambda: self.wall,
                postback_rejected=self.rejected.append,
                order_conflicted=lambda partner, order_id: self.conflicted.append(f"{partner}:{order_id}"),
                zone=MOSCOW,
                currency="RUB",
                owns_main=True,
                terms_version="9",
                version="0.1.0",
            )
        )
        if extra:
            self.router = type(self.router)([*self.router.routes, *extra])
        self.door = HttpDoor(
            self.router,
            self.keys,
            reactor=self.clock,
            wall=lambda: self.wall,
            unavailable=(ConnectionError,),
            limits=limits,
        )
        self.door.startFactory()

    def connect(self, host: str = "127.0.0.1") -> "Connection":
        """A new connection."""
        return Connection(self, host)

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = KEY, **headers: str) -> Answer:
        """One request on a connection of its own; dict bodies as JSON, bytes as they are."""
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        given = {"Host": "x"} | ({"Authorization": f"Bearer {key}"} if key else {})
        if raw is not None:
            given |= {"Content-Type": "application/json", "Content-Length": str(len(raw))}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        connection = self.connect()
        connection.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (raw or b""))
        return connection.answer()

    def route_of(self, method: str, path: str) -> Route:
        """The route of a request."""
        return self.router.find(method.encode(), path.partition("?")[0].encode())[0]

    def check_document(self, method: str, path: str, answer: Answer) -> None:
        """The answer is what /openapi.json says it is."""
        try:
            route = self.route_of(method, path)
        except Problem:
            return
        if answer.headers.get("content-type") == "application/problem+json" or answer.status not in route.answers:
            return
        document = route.answers[answer.status]
        if document is not None and route.produces == "application/json":
            TypeAdapter(document).validate_json(answer.raw, strict=True)


class Connection:
    """One connection to the door."""

    def __init__(self, door: Door, host: str) -> None:
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", host, 40000))
        self.channel = door.door.buildProtocol(IPv4Address("TCP", host, 40000))
        assert isinstance(self.channel, DoorChannel)
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Octets from the client."""
        self.channel.dataReceived(data)

    @property
    def received(self) -> bytes:
        """What came back so far."""
        return bytes(self.transport.value())

    @property
    def is_closed(self) -> bool:
        """Whether the door ended the connection."""
        return bool(self.transport.disconnecting or self.transport.disconnected)

    def answer(self) -> Answer:
        """The next whole answer."""
        found = self.answers()
        assert found, "no answer yet"
        return found[0]

    def answers(self) -> list[Answer]:
        """All whole answers so far."""
        found: list[Answer] = []
        rest = self.received
        while b"\r\n\r\n" in rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            status_line, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = int(headers.get("content-length", "0"))
            found.append(Answer(status=int(status_line.split(" ")[1]), headers=headers, raw=rest[:length]))
            rest = rest[length:]
        return found
