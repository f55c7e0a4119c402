"""The ESME side of a link: connect, bind, keep it up."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

    from sms.smpp.config import LinkConfig
    from sms.smpp.events import Direction
    from sms.smpp.pdu import Pdu
    from sms.smpp.protocol import SessionHandler, SmppProtocol


class Rng(Protocol):
    """The part of `random.Random` the jitter needs."""

    def random(self) -> float:
        """A number in [0, 1)."""


class LinkState(Enum):
    """What a link is doing."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    BOUND = "bound"
    WAITING = "waiting"
    REFUSED = "refused"


class EsmeLink:
    """Keeps one link bound until stopped: `handler.bound` is link up, `session_ended` link down."""

    config: LinkConfig
    state: LinkState
    protocol: SmppProtocol | None
    """The bound session, or None."""

    def __init__(
        self,
        config: LinkConfig,
        handler: SessionHandler,
        *,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        rng: Rng,
        on_state: Callable[[EsmeLink, LinkState, str], None] | None = None,
        tap: Callable[[Direction, bytes, Pdu | None], None] | None = None,
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Begin; returns at once, the link comes up when it can."""

    async def bound(self) -> SmppProtocol:
        """Wait until the link is bound."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Unbind within its time limit, close, stay down."""
