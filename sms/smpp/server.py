"""The SMSC side: a listener that authenticates binds and hands sessions to a handler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet import protocol

from sms.smpp.constants import VERSION_34, CommandStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from sms.smpp.config import Timing
    from sms.smpp.events import Direction
    from sms.smpp.pdu import Bind, Pdu
    from sms.smpp.protocol import SessionHandler, SmppProtocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An authenticated bind: how we name ourselves, and how many requests of ours may wait for answers."""

    system_id: str = "SMSC"
    window: int = 10


class SmscFactory(protocol.ServerFactory):
    """`authenticate(bind, peer_host)` decides on every bind; `connections_max` bounds the listener."""

    sessions: set[SmppProtocol]

    def __init__(
        self,
        handler: SessionHandler,
        *,
        authenticate: Callable[[Bind, str], Accepted | CommandStatus],
        clock: IReactorTime,
        timing: Timing,
        interface_version: int = VERSION_34,
        connections_max: int = 1000,
        tap: Callable[[SmppProtocol, Direction, bytes, Pdu | None], None] | None = None,
    ) -> None:
        raise NotImplementedError
