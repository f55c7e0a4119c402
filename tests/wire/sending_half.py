"""The sending half of a gateway in the test's own process: dispatcher, inbound door and one link over a database."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection
from twisted.internet import reactor as _reactor
from twisted.internet import task
from twisted.internet.endpoints import TCP4ClientEndpoint

from gateway.database import Database
from sms.delivery.counters import DeliveryCounters
from sms.delivery.submission import sender_of
from sms.dispatcher import Dispatcher, LinkTerms, SendingTerms, Surroundings
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
)
from sms.smpp.client import EsmeLink
from sms.smpp.config import LinkConfig
from sms.smpp.events import Direction
from sms.smpp.pdu import Pdu

reactor: Any = _reactor
Tap = Callable[[Direction, bytes, Pdu | None], None]
NOON = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
QUICK = ClassPolicy(unknown_grace_s=0.5, backoff_first_s=0.1)


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How it sends; the defaults are quick to try again."""

    policy: ClassPolicy = QUICK
    system_id: str = "gateway"
    password: str = "secret1"
    window: int = 5
    response_timeout_s: float = 10.0
    reconnect_first_s: float = 0.2
    reconnect_max_s: float = 30.0
    bind_spacing_s: float = 1.0


class Programme:
    """The sending half of a gateway on a database that has the outbox's tables."""

    def __init__(self, url: str, port: int, manner: Manner = Manner(), *, tap: Tap | None = None) -> None:
        self.database = Database(url, reactor)
        self.counters = DeliveryCounters()
        self.heard: list[MobileOriginated] = []
        self.dispatcher = Dispatcher(
            SendingTerms(owner="gateway", sender=sender_of("CASHBACK"), quiet=QuietHours(), service=manner.policy),
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
        config = LinkConfig(
            name="sms",
            host="127.0.0.1",
            port=port,
            system_id=manner.system_id,
            password=manner.password,
            window=manner.window,
            response_timeout_s=manner.response_timeout_s,
            reconnect_first_s=manner.reconnect_first_s,
            reconnect_max_s=manner.reconnect_max_s,
            bind_spacing_s=manner.bind_spacing_s,
        )
        self.link = EsmeLink(
            config,
            SmsLinkHandler("sms", self.dispatcher.lines, self.inbound),
            endpoint=TCP4ClientEndpoint(reactor, "127.0.0.1", port),
            clock=reactor,
            rng=random.Random(1),
            tap=tap,
        )

    async def start(self) -> None:
        """Begin to send."""
        await self.database.start()
        await self.dispatcher.start()
        await self.link.start()

    async def stop(self) -> None:
        """Send no more and close."""
        await self.dispatcher.stop(drain_s=2)
        await self.inbound.stop()
        await self.link.stop()
        await self.database.stop()

    def _render(self, _connection: Connection, messages: Sequence[Claimed]) -> Sequence[Rendered]:
        return [Rendered(text=f"Message {one.message_id}", language="en") for one in messages]

    def _on_mo(self, connection: Connection, mo: MobileOriginated) -> None:
        self.heard.append(mo)
        enqueue(connection, [message(f"keyword:{len(self.heard)}", mo.source)])

    async def queue(self, *messages: NewMessage) -> None:
        """Commit messages and wake the sender."""
        await self.database.transact(enqueue, messages)
        self.dispatcher.poke()

    async def states(self) -> dict[str, str]:
        """The state of every message."""
        found = await self.database.read(messages_of, 1, NOON)
        return {one.message_id: one.state.value for one in found}

    async def until_delivered(self, count: int) -> None:
        """Wait until all of these are delivered."""
        for _ in range(400):
            states = await self.states()
            if len(states) == count and set(states.values()) == {"delivered"}:
                return
            await task.deferLater(reactor, 0.05)
        raise AssertionError(await self.states())


def message(message_id: str, msisdn: str) -> NewMessage:
    """A service message of one subscription."""
    return NewMessage(
        message_id=message_id,
        subscription_id=1,
        msisdn=msisdn,
        kind="accrued",
        params="{}",
        created_at=NOON,
        not_before=NOON,
    )
