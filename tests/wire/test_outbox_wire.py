"""The outbox over real sockets and database threads, to an SMSC that does what SMSCs do."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest_twisted
from sqlalchemy import Connection
from twisted.internet import reactor as _reactor
from twisted.internet import task
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint

from gateway.database import Database, sqlite_engine
from sms.delivery.counters import DeliveryCounters
from sms.delivery.submission import sender_of
from sms.dispatcher import Dispatcher, LinkTerms, SendingTerms, Surroundings
from sms.errors import SmppError
from sms.inbound import Inbound, SmsLinkHandler
from sms.outbox import (
    Claimed,
    ClassPolicy,
    MobileOriginated,
    NewMessage,
    QuietHours,
    Rendered,
    enqueue,
    messages_of,
    metadata,
)
from sms.smpp.client import EsmeLink
from sms.smpp.config import LinkConfig, Timing
from sms.smpp.constants import CommandStatus, EsmClass, MessageState, Tag
from sms.smpp.pdu import DeliverSm, Pdu, SubmitSm, SubmitSmResp
from sms.smpp.protocol import SmppProtocol
from sms.smpp.receipt import Receipt, format_receipt_text
from sms.smpp.server import Accepted, SmscFactory

reactor: Any = _reactor
NOON = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)


class Smsc:
    """Accepts and sends a receipt for each; `behave(pdu)` may say otherwise first: a status, "drop", or None."""

    def __init__(self) -> None:
        self.accepted: list[SubmitSm] = []
        self.links: list[SmppProtocol] = []
        self.owed: list[DeliverSm] = []
        self.answers: list[int] = []
        self.behave: Callable[[SubmitSm], int | str | None] = lambda _pdu: None

    def bound(self, link: SmppProtocol) -> None:
        self.links.append(link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        assert isinstance(pdu, SubmitSm)
        said = self.behave(pdu)
        if isinstance(said, int):
            link.respond(pdu, SubmitSmResp(command_status=said))
            return
        self.accepted.append(pdu)
        if said == "drop":
            link.abort()
            return
        smsc_id = f"{len(self.accepted):08X}"
        self.deliver(link, self.receipt(pdu, smsc_id))
        link.respond(pdu, SubmitSmResp(message_id=smsc_id))

    def receipt(self, pdu: SubmitSm, smsc_id: str) -> DeliverSm:
        said = Receipt(message_id=smsc_id, state=MessageState.DELIVERED, submit_date=NOON, done_date=NOON)
        return DeliverSm(
            source_addr=pdu.destination_addr,
            destination_addr="CASHBACK",
            esm_class=EsmClass.TYPE_RECEIPT,
            short_message=format_receipt_text(said),
            tlvs=((Tag.RECEIPTED_MESSAGE_ID, smsc_id.encode() + b"\0"),),
        )

    def deliver(self, link: SmppProtocol, pdu: DeliverSm) -> None:
        self.owed.append(pdu)
        self.pay(link)

    def pay(self, link: SmppProtocol) -> None:
        while self.owed and link.state.is_bound and link.window_free:
            link.try_request(self.owed.pop(0), lambda result: self.answered(link, result))

    def answered(self, link: SmppProtocol, result: object) -> None:
        self.answers.append(getattr(result, "command_status", -1))
        self.pay(link)

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        raise AssertionError(f"{link} {request} {response}")

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        del in_flight, reason
        self.links.remove(link)


class Programme:
    """The sending half of a gateway on a file."""

    def __init__(self, file: Path, port: int) -> None:
        self.database = Database(f"sqlite:///{file}", reactor)
        self.counters = DeliveryCounters()
        self.heard: list[MobileOriginated] = []
        self.dispatcher = Dispatcher(
            SendingTerms(
                owner="gateway",
                sender=sender_of("CASHBACK"),
                quiet=QuietHours(),
                service=ClassPolicy(unknown_grace_s=0.5, backoff_first_s=0.1),
            ),
            [LinkTerms(name="sms")],
            Surroundings(
                clock=reactor,
                wall=lambda: datetime.now(UTC),
                business=lambda _connection: NOON,
                rng=random.Random(1),
                transact=self.database.transact,
                fault=lambda _name: None,
            ),
            render=self._render,
            counters=self.counters,
        )
        self.inbound = Inbound(
            self.dispatcher.journal,
            transact=self.database.transact,
            wall=lambda: datetime.now(UTC),
            counters=self.counters,
            on_mo=self._on_mo,
            committed=self.dispatcher.poke,
        )
        self.link = EsmeLink(
            LinkConfig(name="sms", host="127.0.0.1", port=port, system_id="gateway", password="secret1", window=5),
            SmsLinkHandler("sms", self.dispatcher.lines, self.inbound),
            endpoint=TCP4ClientEndpoint(reactor, "127.0.0.1", port),
            clock=reactor,
            rng=random.Random(1),
        )

    def _render(self, _connection: Connection, messages: Sequence[Claimed]) -> Sequence[Rendered]:
        return [Rendered(text=f"Message {one.message_id}", language="en") for one in messages]

    def _on_mo(self, connection: Connection, mo: MobileOriginated) -> None:
        self.heard.append(mo)
        enqueue(connection, [message(f"keyword:{len(self.heard)}", mo.source)])

    async def queue(self, *messages: NewMessage) -> None:
        await self.database.transact(enqueue, messages)
        self.dispatcher.poke()

    async def states(self) -> dict[str, str]:
        found = await self.database.read(messages_of, 1, NOON)
        return {one.message_id: one.state.value for one in found}

    async def until_delivered(self, count: int) -> None:
        for _ in range(400):
            states = await self.states()
            if len(states) == count and set(states.values()) == {"delivered"}:
                return
            await task.deferLater(reactor, 0.05)
        raise AssertionError(await self.states())


def message(message_id: str, msisdn: str) -> NewMessage:
    return NewMessage(
        message_id=message_id,
        subscription_id=1,
        msisdn=msisdn,
        kind="accrued",
        params="{}",
        created_at=NOON,
        not_before=NOON,
    )


@asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[tuple[Smsc, Programme]]:
    smsc = Smsc()
    factory = SmscFactory(
        smsc,
        authenticate=lambda _bind, _host: Accepted(window=50),
        clock=reactor,
        timing=Timing(enquire_link_s=None, response_timeout_s=5.0),
    )
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    engine = sqlite_engine(f"sqlite:///{tmp_path / 'outbox.sqlite3'}")
    metadata.create_all(engine)
    engine.dispose()
    programme = Programme(tmp_path / "outbox.sqlite3", port.getHost().port)
    await programme.database.start()
    await programme.dispatcher.start()
    await programme.link.start()
    try:
        yield smsc, programme
    finally:
        await programme.dispatcher.stop(drain_s=2)
        await programme.inbound.stop()
        await programme.link.stop()
        await programme.database.stop()
        await port.stopListening()
        for link in list(smsc.links):
            link.abort()
        await task.deferLater(reactor, 0.01)


def numbers(count: int) -> list[str]:
    return [str(79160000000 + at) for at in range(count)]


@pytest_twisted.ensureDeferred
async def test_everything_queued_is_accepted_receipted_and_recorded(tmp_path: Path) -> None:
    async with running(tmp_path) as (smsc, programme):
        await programme.queue(*(message(f"m{at}", number) for at, number in enumerate(numbers(300))))
        await programme.until_delivered(300)
        assert Counter(pdu.destination_addr for pdu in smsc.accepted) == dict.fromkeys(numbers(300), 1)
        assert smsc.answers == [CommandStatus.ESME_ROK] * 300
        assert programme.counters.receipts - programme.counters.receipts_unmatched <= 300


@pytest_twisted.ensureDeferred
async def test_connections_lost_with_submissions_in_flight_lose_nothing_and_every_double_is_counted(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (smsc, programme):
        seen = Counter[str]()

        def drop_now_and_then(pdu: SubmitSm) -> str | None:
            seen[pdu.destination_addr] += 1
            return "drop" if len(smsc.accepted) in {20, 60} else None

        smsc.behave = drop_now_and_then
        await programme.queue(*(message(f"m{at}", number) for at, number in enumerate(numbers(100))))
        for _ in range(400):
            if set((await programme.states()).values()) <= {"delivered", "accepted"}:
                break
            await task.deferLater(reactor, 0.05)
        accepted = Counter(pdu.destination_addr for pdu in smsc.accepted)
        assert set(accepted) == set(numbers(100))
        assert sum(accepted.values()) - 100 <= programme.counters.possible_duplicates <= 10
        assert set((await programme.states()).values()) <= {"delivered", "accepted"}


@pytest_twisted.ensureDeferred
async def test_throttling_keeps_the_order_of_each_subscriber_and_drops_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as (smsc, programme):
        chance = random.Random(5)
        smsc.behave = lambda _pdu: CommandStatus.ESME_RTHROTTLED if chance.random() < 0.1 else None
        await programme.queue(*(message(f"m{turn}-{number}", number) for turn in range(5) for number in numbers(4)))
        await programme.until_delivered(20)
        for number in numbers(4):
            texts = [pdu.short_message.decode() for pdu in smsc.accepted if pdu.destination_addr == number]
            assert texts == [f"Message m{turn}-{number}" for turn in range(5)]


@pytest_twisted.ensureDeferred
async def test_a_keyword_is_answered_by_a_message_queued_in_its_own_transaction(tmp_path: Path) -> None:
    async with running(tmp_path) as (smsc, programme):
        await programme.link.wait_bound()
        await task.deferLater(reactor, 0.05)
        smsc.deliver(
            smsc.links[0],
            DeliverSm(source_addr=numbers(1)[0], destination_addr="4400", short_message=b"BALANCE"),
        )
        await programme.until_delivered(1)
        assert [mo.text for mo in programme.heard] == ["BALANCE"]
        assert [pdu.destination_addr for pdu in smsc.accepted] == numbers(1)
