"""The outbox over real sockets and database threads, to an SMSC that does what SMSCs do."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest_twisted
from sending_half import NOON, Programme, message
from twisted.internet import reactor as _reactor
from twisted.internet import task
from twisted.internet.endpoints import TCP4ServerEndpoint

from gateway.database import sqlite_engine
from sms.errors import SmppError
from sms.outbox import metadata
from sms.smpp.config import Timing
from sms.smpp.constants import CommandStatus, EsmClass, MessageState, Tag
from sms.smpp.pdu import DeliverSm, Pdu, SubmitSm, SubmitSmResp
from sms.smpp.protocol import SmppProtocol
from sms.smpp.receipt import Receipt, format_receipt_text
from sms.smpp.server import Accepted, SmscFactory

reactor: Any = _reactor


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
    programme = Programme(f"sqlite:///{tmp_path / 'outbox.sqlite3'}", port.getHost().port)
    await programme.start()
    try:
        yield smsc, programme
    finally:
        await programme.stop()
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
