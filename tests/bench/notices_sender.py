"""The senders of B3, each in a process of its own: `notices_sender.py HOW PORT COUNT RECEIPTS TLS DATABASE`.

HOW is `notices` (outbox in the database of that URL, through dispatcher and inbound door), `floor` (our protocol
alone) or `smpplib`.
Prints messages a second, from the first step to the last answer (and receipt) recorded.
"""

import json
import os
import random
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import smpplib.client  # noqa: E402
import smpplib.consts  # noqa: E402
from sqlalchemy import Connection, func, select  # noqa: E402
from twisted.internet import reactor as _reactor  # noqa: E402
from twisted.internet import ssl, task  # noqa: E402
from twisted.internet.defer import Deferred  # noqa: E402
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS  # noqa: E402

from gateway.database import Database, open_engine  # noqa: E402
from gateway.texts import render as render_text  # noqa: E402
from sms.delivery.counters import DeliveryCounters  # noqa: E402
from sms.delivery.submission import sender_of, submit_sm  # noqa: E402
from sms.dispatcher import Dispatcher, LinkTerms, SendingTerms, Surroundings  # noqa: E402
from sms.inbound import Inbound, SmsLinkHandler  # noqa: E402
from sms.outbox import (  # noqa: E402
    Claimed,
    ClassPolicy,
    QuietHours,
    Rendered,
    enqueue_rows,
    metadata,
    pending_counts,
)
from sms.outbox.instants import to_micros  # noqa: E402
from sms.outbox.model import OutboxState  # noqa: E402
from sms.outbox.queue import EnqueueRow  # noqa: E402
from sms.outbox.schema import message, receipt  # noqa: E402
from sms.smpp.client import EsmeLink  # noqa: E402
from sms.smpp.config import LinkConfig  # noqa: E402
from sms.smpp.pdu import Pdu, response_to  # noqa: E402
from sms.smpp.protocol import SmppProtocol  # noqa: E402
from sms.text import segments_for  # noqa: E402

reactor: Any = _reactor
WINDOW = 100
NOW = datetime(2025, 4, 1, 6, tzinfo=UTC)
FIRST_NUMBER = 79160000000
TEXT = "Кэшбэк 150 р зачислен на счет и тратится первым. *100*1#"
ZONE = "Europe/Moscow"
AMOUNTS = 2_000
"""Different amounts, so different texts."""


def link(port: int, handler: Any, *, tls: bool) -> EsmeLink:
    """A link to the stub."""
    endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    if tls:
        endpoint = wrapClientTLS(ssl.CertificateOptions(verify=False), endpoint)
    config = LinkConfig(
        name="sms", host="127.0.0.1", port=port, system_id="gateway", password="secret1", window=WINDOW,
        response_timeout_s=60.0,
    )  # fmt: skip
    return EsmeLink(config, handler, endpoint=endpoint, clock=reactor, rng=random.Random(1))


def prepare(url: str, count: int) -> None:
    """The outbox as the month job leaves it."""
    engine = open_engine(url)
    metadata.create_all(engine)
    at = to_micros(NOW)
    rows: list[EnqueueRow] = []
    for one in range(count):
        params = json.dumps({"amount": 100 * (one % AMOUNTS + 1)})
        number = str(FIRST_NUMBER + one)
        rows.append(
            (f"credited:2025-04:{one}", one, number, "credited", params, "service", 2, at, at, None, ZONE, "queued")
        )
    with engine.begin() as connection:
        enqueue_rows(connection, rows)
    engine.dispose()


def render(_connection: Connection, messages: Sequence[Claimed]) -> Sequence[Rendered]:
    """The programme's own texts."""
    return [Rendered(text=render_text(one.kind, json.loads(one.params), "ru"), language="ru") for one in messages]


async def notices(port: int, count: int, *, receipts: bool, tls: bool, url: str) -> float:
    """Everything queued in the database, until it is recorded."""
    database = Database(url, reactor)
    await database.start()
    counters = DeliveryCounters()
    dispatcher = Dispatcher(
        SendingTerms(
            owner=f"bench:{os.getpid()}:{time.time_ns()}",  # as in the gateway: no other run was ever named so
            sender=sender_of("CASHBACK"),
            quiet=QuietHours(),
            service=ClassPolicy(unknown_grace_s=0.5),
        ),
        [LinkTerms(name="sms")],
        Surroundings(
            clock=reactor,
            wall=lambda: datetime.now(UTC),
            business=lambda _connection: NOW,
            rng=random.Random(1),
            transact=database.transact,
            fault=lambda _name: None,
        ),
        render=render,
        counters=counters,
    )
    inbound = Inbound(
        dispatcher.journal,
        transact=database.transact,
        wall=lambda: datetime.now(UTC),
        counters=counters,
        on_mo=lambda _connection, _mo: None,
        committed=dispatcher.poke,
    )
    one = link(port, SmsLinkHandler("sms", dispatcher.lines, inbound), tls=tls)
    await one.start()
    await one.wait_bound()
    began = time.perf_counter()
    await dispatcher.start()
    looked = 0
    while True:
        await task.deferLater(reactor, 0.02)
        looked += 1
        if dispatcher.unrecorded or (receipts and looked % 5):
            continue
        if await database.read(_is_recorded, count, receipts=receipts):
            break
    took = time.perf_counter() - began
    await dispatcher.stop()
    await inbound.stop()
    await one.stop()
    await database.stop()
    return count / took


def _is_recorded(connection: Connection, count: int, *, receipts: bool) -> bool:
    """Whether nothing waits, and with receipts whether every single message is known to be delivered."""
    pending = pending_counts(connection)
    if pending.by_kind:
        return False
    if not receipts:
        return True
    if connection.execute(select(func.count()).select_from(receipt)).scalar_one() < count:
        return False  # cheap to see; the rest is looked at once, at the end
    delivered = select(func.count()).select_from(message).where(message.c.state == OutboxState.DELIVERED)
    return connection.execute(delivered).scalar_one() >= count


class Alone:
    """Our protocol without a store: as many in flight as the window takes."""

    def __init__(self, count: int, *, receipts: bool) -> None:
        self.left = self.unanswered = count
        self.unreceipted = count if receipts else 0
        self.done: Deferred[None] = Deferred()
        self._segment = segments_for(TEXT, reference=0)[0]
        self._sender = sender_of("CASHBACK")
        self.began = 0.0

    def bound(self, link: SmppProtocol) -> None:
        self.began = time.perf_counter()
        self._fill(link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        link.respond(pdu, response_to(pdu))
        self.unreceipted -= 1
        self._look()

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        del link, request, response

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: object) -> None:
        del link, in_flight, reason

    def _fill(self, link: SmppProtocol) -> None:
        while self.left and link.window_free > 0:
            self.left -= 1
            pdu = submit_sm(self._sender, str(FIRST_NUMBER + self.left), self._segment, seq=self.left)
            link.try_request(pdu, lambda _result: self._answered(link))

    def _answered(self, link: SmppProtocol) -> None:
        self.unanswered -= 1
        self._fill(link)
        self._look()

    def _look(self) -> None:
        if self.unanswered <= 0 and self.unreceipted <= 0 and not self.done.called:
            self.done.callback(None)


async def floor(port: int, count: int, *, receipts: bool, tls: bool, url: str) -> float:
    """The same messages by our protocol alone."""
    del url
    handler = Alone(count, receipts=receipts)
    one = link(port, handler, tls=tls)
    await one.start()
    await handler.done
    took = time.perf_counter() - handler.began
    await one.stop()
    return count / took


def smpplib_alone(port: int, count: int, *, receipts: bool) -> float:
    """The same by smpplib's client, which is sequential: a window of messages out, then their answers in."""
    client = smpplib.client.Client("127.0.0.1", port, allow_unknown_opt_params=True)
    seen = {"answers": 0, "receipts": 0}

    def answered(**_pdu: Any) -> None:
        seen["answers"] += 1

    def received(**_pdu: Any) -> int:
        seen["receipts"] += 1
        return 0

    client.set_message_sent_handler(answered)
    client.set_message_received_handler(received)
    client.connect()
    client.bind_transceiver(system_id="gateway", password="secret1")
    octets = TEXT.encode("utf-16-be")
    began = time.perf_counter()
    sent = 0
    while seen["answers"] < count or (receipts and seen["receipts"] < count):
        while sent < count and sent - seen["answers"] < WINDOW:
            client.send_message(
                source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
                source_addr="CASHBACK",
                dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
                dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
                destination_addr=str(FIRST_NUMBER + sent),
                short_message=octets,
                data_coding=8,
                registered_delivery=True,
            )
            sent += 1
        client.read_once()
    took = time.perf_counter() - began
    client.unbind()
    client.disconnect()
    return count / took


def main() -> None:
    """See the module."""
    how, port, count, receipts, tls, url = sys.argv[1:7]
    figures: list[float] = []
    if how == "prepare":
        prepare(url, int(count))
        return
    if how == "smpplib":
        print(smpplib_alone(int(port), int(count), receipts=receipts == "1"))
        return
    work = notices if how == "notices" else floor

    async def measured(_reactor: object) -> None:
        figures.append(await work(int(port), int(count), receipts=receipts == "1", tls=tls == "1", url=url))

    reactor.callWhenRunning(_then_stop, measured)
    reactor.run()
    print(figures[0])


def _then_stop(work: Any) -> None:
    def ended(result: Any) -> None:
        if result is not None:
            result.printTraceback(sys.stderr)
        reactor.stop()

    Deferred.fromCoroutine(work(reactor)).addBoth(ended)


if __name__ == "__main__":
    main()
