"""Where a misdeed takes place: connections to one SMSC, their limits, and what it answered on all of them."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from sms.errors import BindRefused, ConnectionDropped
from sms.smpp.config import LinkConfig
from sms.smpp.constants import HEADER_OCTETS, Npi, Ton
from sms.smpp.pdu import Bind, BindTransceiver, SubmitSm
from sms.tools.raw_peer import PeerFactory, RawPeer


class Rng(Protocol):
    """The part of `random.Random` that spoils octets."""

    def randrange(self, stop: int, /) -> int:
        """A whole number in [0, stop)."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """`count` bounds what is sent, `seconds` how long anything is waited for; `to` is who may be written to."""

    config: LinkConfig
    endpoint: IStreamClientEndpoint
    clock: IReactorTime
    rng: Rng
    count: int
    seconds: float
    to: str
    peers: list[RawPeer] = field(default_factory=list)

    async def connected(self) -> RawPeer:
        """A connection that has said nothing yet; raises what the endpoint raises."""
        # Twisted types it as any protocol; the factory builds nothing else.
        peer = cast("RawPeer", await self.endpoint.connect(PeerFactory(self.clock)))
        self.peers.append(peer)
        return peer

    async def bound(self, cls: type[Bind] = BindTransceiver) -> RawPeer:
        """A bound connection; raises BindRefused, and ConnectionDropped when no answer came."""
        peer = await self.connected()
        answer = await peer.answer_to(peer.send(self.bind(cls)), self.config.response_timeout_s)
        if answer is None:
            raise ConnectionDropped("no answer to the bind")
        if answer.command_status:
            raise BindRefused(answer.command_status)
        return peer

    def bind(self, cls: type[Bind] = BindTransceiver, **fields: Any) -> Bind:
        """The bind of this account."""
        known = {
            "system_id": self.config.system_id,
            "password": self.config.password,
            "system_type": self.config.system_type,
            "interface_version": self.config.interface_version,
        }
        return cls(**{**known, **fields})

    def submission(self, **fields: Any) -> SubmitSm:
        """A message to the test phone."""
        known = {
            "source_addr_ton": Ton.ALPHANUMERIC,
            "source_addr": "MISBEHAVE",
            "dest_addr_ton": Ton.INTERNATIONAL,
            "dest_addr_npi": Npi.ISDN,
            "destination_addr": self.to,
            "short_message": b"smpp misbehave",
        }
        return SubmitSm(**{**known, **fields})

    def drop_all(self) -> None:
        """Leave no connection open."""
        for peer in self.peers:
            peer.drop()

    @property
    def answered(self) -> Counter[tuple[str, int]]:
        """What the SMSC sent on all connections, by name and status."""
        return sum((peer.answered for peer in self.peers), Counter())

    @property
    def refusals(self) -> int:
        """How many answers had an error status."""
        return sum(count for (_, status), count in self.answered.items() if status)

    @property
    def was_closed(self) -> bool:
        """Whether the SMSC closed the last connection."""
        return bool(self.peers) and self.peers[-1].closed_after_s is not None

    @property
    def closed_after_s(self) -> float | None:
        """When it did so."""
        return self.peers[-1].closed_after_s if self.peers else None

    def count_of(self, name: str) -> int:
        """How many PDUs of this name came."""
        return sum(peer.count_of(name) for peer in self.peers)


def octets_of_header(length: int, command: int, *, number: int = 1) -> bytes:
    """A header with any length in it."""
    return b"".join(part.to_bytes(HEADER_OCTETS // 4, "big") for part in (length, command, 0, number))
