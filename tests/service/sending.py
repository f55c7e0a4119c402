"""A dispatcher on a virtual clock, an SQLite in memory and sessions that answer when told."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, create_engine, select
from sqlalchemy.pool import StaticPool
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from sms.delivery.counters import DeliveryCounters
from sms.delivery.submission import sender_of
from sms.dispatcher import Dispatcher, LinkTerms, SendingTerms, Surroundings
from sms.errors import OutcomeUnknown, RequestFailed, SessionStateError, WindowFull
from sms.outbox import Claimed, MessageView, NewMessage, QuietHours, Rendered, enqueue, messages_of, metadata
from sms.outbox.schema import message
from sms.smpp.constants import CommandStatus
from sms.smpp.pdu import Pdu, SubmitSm, SubmitSmResp

NOON = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
A, B = "79160000001", "79160000002"
_runs = itertools.count(1)


class Half:
    """A dice without chance."""

    def random(self) -> float:
        return 0.5


class Database:
    """One connection, one transaction at a time. `stuck` keeps work waiting, `broken` refuses it."""

    def __init__(self) -> None:
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(self.engine)
        self.stuck = False
        self.broken = False
        self._waiting: list[Deferred[None]] = []

    async def transact(self, work: Callable[..., Any], *args: Any) -> Any:
        if self.stuck:
            turn: Deferred[None] = Deferred()
            self._waiting.append(turn)
            await turn
        if self.broken:
            raise ConnectionError("the database is gone")
        with self.engine.begin() as connection:
            return work(connection, *args)

    def free(self) -> None:
        self.stuck = False
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            turn.callback(None)

    def do(self, work: Callable[..., Any], *args: Any) -> Any:
        with self.engine.begin() as connection:
            return work(connection, *args)


class Session:
    """The sending side of a bound session: keeps what was submitted until the test answers it."""

    def __init__(self, window: int = 10) -> None:
        self.window = window
        self.taken_by_others = 0
        self.pretends = 0
        """More free slots than there are."""
        self.submitted: list[SubmitSm] = []
        self.waiting: dict[int, tuple[SubmitSm, Callable[[Pdu | RequestFailed], None]]] = {}
        self.on_submit: Callable[[SubmitSm], None] = lambda _pdu: None
        self.is_over = False

    @property
    def window_free(self) -> int:
        return self.window - len(self.waiting) - self.taken_by_others + self.pretends

    def try_request(self, pdu: Pdu, answered: Callable[[Pdu | RequestFailed], None]) -> int:
        if self.is_over:
            raise SessionStateError("over")
        if self.window_free - self.pretends <= 0:
            raise WindowFull("full")
        assert isinstance(pdu, SubmitSm)
        self.on_submit(pdu)
        self.submitted.append(pdu)
        sequence_number = len(self.submitted)
        self.waiting[sequence_number] = (pdu, answered)
        return sequence_number

    def answer(
        self, status: int = CommandStatus.ESME_ROK, *, number: int | None = None, congestion: int | None = None
    ) -> None:
        """Answer the oldest request, or the one with this number."""
        chosen = min(self.waiting) if number is None else number
        _, answered = self.waiting.pop(chosen)
        tlvs = () if congestion is None else ((0x0428, bytes([congestion])),)
        if status:
            answered(SubmitSmResp(command_status=status, tlvs=tlvs))
        else:
            answered(SubmitSmResp(message_id=f"id-{chosen}", tlvs=tlvs))

    def answer_all(self, status: int = CommandStatus.ESME_ROK) -> None:
        """Answer what waits now and whatever is submitted meanwhile."""
        while self.waiting:
            self.answer(status)

    def fail_all(self, error: RequestFailed) -> None:
        waiting, self.waiting = self.waiting, {}
        for _, answered in waiting.values():
            answered(error)


class Sending:
    """All of it together. `texts` maps a message_id to its text, or to what rendering raises."""

    def __init__(self, *, links: Sequence[LinkTerms] = (LinkTerms(name="sms"),), **terms: Any) -> None:
        self.clock = Clock()
        self.database = Database()
        self.business = NOON
        self.counters = DeliveryCounters()
        self.texts: dict[str, str | Exception] = {}
        self.faults: list[str] = []
        self.raising: set[str] = set()
        self.rendered: list[str] = []
        self.dispatcher = Dispatcher(
            SendingTerms(owner=f"run-{next(_runs)}", sender=sender_of("CASHBACK"), quiet=QuietHours(), **terms),
            links,
            Surroundings(
                clock=self.clock,
                wall=self.wall,
                business=lambda _connection: self.business,
                rng=Half(),
                transact=self.database.transact,
                fault=self._fault,
            ),
            render=self._render,
            counters=self.counters,
        )

    def wall(self) -> datetime:
        return NOON + timedelta(seconds=self.clock.seconds())

    def _fault(self, name: str) -> None:
        self.faults.append(name)
        if name in self.raising:
            self.raising.discard(name)
            raise RuntimeError(name)

    def _render(self, _connection: Connection, messages: Sequence[Claimed]) -> Sequence[Rendered]:
        texts = [self.texts.get(one.message_id, f"Text of {one.message_id}") for one in messages]
        for text in texts:
            if isinstance(text, Exception):
                raise text
        self.rendered += [one.message_id for one in messages]
        return [Rendered(text=str(text), language="en") for text in texts]

    def start(self) -> "Sending":
        run(self.dispatcher.start())
        return self

    def bind(self, name: str = "sms", *, window: int = 10) -> Session:
        session = Session(window)
        self.dispatcher.lines.up(name, session)
        return session

    def drop(self, session: Session, name: str = "sms") -> None:
        """The connection is lost."""
        session.is_over = True
        session.fail_all(OutcomeUnknown("connection lost"))
        self.dispatcher.lines.down(name, session)

    def queue(self, *message_ids: str, msisdn: str | None = None, **fields: Any) -> None:
        """Queue messages, each to its own number unless one is given, and poke."""
        given = {"subscription_id": 1, "kind": "accrued", "params": "{}", "created_at": NOON, "not_before": NOON}
        known: int = self.database.do(lambda connection: len(connection.execute(select(message.c.seq)).all()))
        self.database.do(
            enqueue,
            [
                NewMessage(
                    **{"message_id": one, "msisdn": msisdn or str(79160000000 + known + at), **given, **fields}
                )
                for at, one in enumerate(message_ids)
            ],
        )
        self.dispatcher.poke()

    def view(self, message_id: str) -> MessageView:
        found: list[MessageView] = self.database.do(messages_of, 1, self.business)
        return next(one for one in found if one.message_id == message_id)

    def states(self) -> dict[str, str]:
        return {one.message_id: one.state.value for one in self.database.do(messages_of, 1, self.business)}

    def after(self, seconds: float, step: float = 0.05) -> None:
        """Let time pass in small steps."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end - 1e-9:
            self.clock.advance(min(step, end - self.clock.seconds()))

    def stop(self, drain_s: float = 8.0) -> Deferred[None]:
        return Deferred.fromCoroutine(self.dispatcher.stop(drain_s))


def run(work: Awaitable[Any]) -> Any:
    """The result of a coroutine that never really waits."""
    results: list[Any] = []
    Deferred.fromCoroutine(work).addCallback(results.append)  # type: ignore[arg-type]
    assert results, "it waits for something"
    return results[0]


def text_of(pdu: SubmitSm) -> str:
    return pdu.short_message.decode("ascii")
