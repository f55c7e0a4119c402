"""The ESME side of a link: connect, bind, keep it up until stopped."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol, cast

from twisted.internet import protocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.logger import Logger

from sms.errors import BindRefused, SmppError
from sms.smpp.config import BindKind
from sms.smpp.constants import CommandStatus
from sms.smpp.protocol import SmppProtocol
from sms.smpp.session import Session
from sms.smpp.transitions import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress, IReactorTime, IStreamClientEndpoint
    from twisted.python.failure import Failure

    from sms.smpp.config import LinkConfig
    from sms.smpp.pdu import Outbind, Pdu
    from sms.smpp.protocol import SessionHandler
    from sms.smpp.session import Tap

_log = Logger()

SLOW_REFUSALS = frozenset(
    {
        CommandStatus.ESME_RBINDFAIL,
        CommandStatus.ESME_RINVPASWD,
        CommandStatus.ESME_RINVSYSID,
    }
)
"""Bind answers that only a person can put right: tried again after minutes, not seconds."""

OUTBIND_SECONDS_MAX = 5.0
_BACKOFF_DOUBLINGS_MAX = 16


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
    """Keeps one link bound: `handler.bound` is link up, `handler.session_ended` link down.

    Between attempts it waits a random part (full jitter) of a time that doubles from
    `reconnect_first_s` to `reconnect_max_s`, from `refused_first_s` to `refused_max_s` when the
    SMSC knows us not, and never binds more often than once in `bind_spacing_s`.
    """

    def __init__(
        self,
        config: LinkConfig,
        handler: SessionHandler,
        *,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        rng: Rng,
        on_state: Callable[[EsmeLink, LinkState, str], None] | None = None,
        tap: Tap | None = None,
        on_refused: Callable[[SmppError], None] | None = None,
    ) -> None:
        self.config = config
        self.state = LinkState.STOPPED
        self.protocol: SmppProtocol | None = None
        self._handler = handler
        self._endpoint = endpoint
        self._clock = clock
        self._rng = rng
        self._on_state = on_state
        self._tap = tap
        self._on_refused = on_refused
        self._running: Deferred[None] | None = None
        self._stopping = False
        self._failures = 0
        self._bound_last_at: float | None = None
        self._session: SmppProtocol | None = None
        self._session_over: Deferred[None] | None = None
        self._waiters: list[Deferred[SmppProtocol]] = []

    async def start(self) -> None:
        """Begin; returns at once, the link comes up when it can."""
        if self._running is None:
            self._stopping = False
            self._running = Deferred.fromCoroutine(self._run()).addErrback(_log_failure)

    async def wait_bound(self) -> SmppProtocol:
        """The bound session, as soon as there is one."""
        if self.protocol is not None:
            return self.protocol
        waiter: Deferred[SmppProtocol] = Deferred(self._forget)
        self._waiters.append(waiter)
        return await waiter

    async def stop(self) -> None:
        """Unbind within its time limit, close, stay down."""
        running, self._running = self._running, None
        if running is None:
            return
        self._stopping = True
        if self._session is not None:
            await self._session.unbind()
        running.cancel()
        await running
        self._enter(LinkState.STOPPED, "stopped")

    # What the session tells (a `SessionHandler`).

    def bound(self, link: SmppProtocol) -> None:
        """The link is up."""
        self.protocol = link
        self._failures = 0
        self._enter(LinkState.BOUND, "bound")
        self._handler.bound(link)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        """Passed on."""
        self._handler.request_received(link, pdu)

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        """Passed on."""
        self._handler.response_unmatched(link, request, response)

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        """The link is down; the owner hears of it only when it was up."""
        was_bound = self.protocol is link
        self.protocol = None
        self._session = None
        over, self._session_over = self._session_over, None
        try:
            if was_bound:
                self._handler.session_ended(link, in_flight, reason)
        finally:
            if over is not None:
                over.callback(None)

    # The loop.

    async def _run(self) -> None:
        try:
            while not self._stopping:
                await self._sleep(self._spacing())
                await self._sleep(await self._try_once())
        except CancelledError:
            return

    async def _try_once(self) -> float:
        """One connection from end to end; the seconds to wait before the next."""
        config = self.config
        self._enter(LinkState.CONNECTING, f"{config.host}:{config.port}")
        try:
            connected = await self._endpoint.connect(_EsmeFactory(self._build))
        except (ConnectError, DNSLookupError, OSError) as error:
            return self._wait_after(str(error))
        except ConnectingCancelledError:
            raise CancelledError from None
        link = cast("SmppProtocol", connected)
        over: Deferred[None] = Deferred()
        self._session = link
        self._session_over = over
        self._bound_last_at = self._clock.seconds()
        try:
            await link.establish(config.bind_request())
        except BindRefused as refusal:
            link.close(refusal)
            await over
            return self._wait_after_refusal(refusal)
        except SmppError as failure:
            link.close(failure)
            await over
            return self._wait_after(str(failure))
        await over
        return self._wait_after("the session ended")

    def _build(self) -> SmppProtocol:
        config = self.config
        session = Session(Role.ESME, interface_version=config.interface_version, tlv=config.tlv, tap=self._tap)
        link = SmppProtocol(session, self, clock=self._clock, timing=config.timing(), window=config.window)
        link.on_refused = self._on_refused
        return link

    def _wait_after(self, why: str) -> float:
        if self._stopping:
            return 0.0
        delay = self._jitter(self.config.reconnect_first_s, self.config.reconnect_max_s)
        self._enter(LinkState.WAITING, f"{why}; next attempt in {delay:.1f} s")
        return delay

    def _wait_after_refusal(self, refusal: BindRefused) -> float:
        if refusal.command_status not in SLOW_REFUSALS:
            return self._wait_after(str(refusal))
        delay = self._jitter(self.config.refused_first_s, self.config.refused_max_s)
        # Jitter alone could make it a second: half of the time is certain.
        delay = max(delay, self.config.refused_first_s / 2)
        self._enter(LinkState.REFUSED, f"{refusal}; next attempt in {delay:.0f} s")
        return delay

    def _jitter(self, first_s: float, max_s: float) -> float:
        most: float = min(max_s, first_s * 2 ** min(self._failures, _BACKOFF_DOUBLINGS_MAX))
        self._failures += 1
        return most * self._rng.random()

    def _spacing(self) -> float:
        if self._bound_last_at is None:
            return 0.0
        return max(0.0, self._bound_last_at + self.config.bind_spacing_s - self._clock.seconds())

    async def _sleep(self, seconds: float) -> None:
        if seconds <= 0 or self._stopping:
            return
        nap: Deferred[None] = Deferred()
        call = self._clock.callLater(seconds, nap.callback, None)
        try:
            await nap
        finally:
            if call.active():
                call.cancel()

    def _enter(self, state: LinkState, why: str) -> None:
        if state is self.state and state is not LinkState.WAITING:
            return
        self.state = state
        _log.info("link {name} {state}: {why}", name=self.config.name, state=state.value, why=why)
        if self._on_state is not None:
            self._on_state(self, state, why)

    def _forget(self, waiter: Deferred[SmppProtocol]) -> None:
        self._waiters.remove(waiter)


class OutbindFactory(protocol.ServerFactory):
    """Listens for an SMSC that says outbind, and binds to it as receiver (SMPP 3.4 §2.2.1, §4.1.7)."""

    noisy = False

    def __init__(
        self,
        config: LinkConfig,
        handler: SessionHandler,
        *,
        accepts: Callable[[Outbind, str], bool],
        clock: IReactorTime,
    ) -> None:
        self._config = config
        self._handler = handler
        self._accepts = accepts
        self._clock = clock
        self._binding: set[Deferred[None]] = set()

    def buildProtocol(self, addr: IAddress | None) -> SmppProtocol:  # noqa: N802 - Twisted's name
        """A session in state OPEN: without outbind in time it is closed."""
        del addr
        config = self._config
        session = Session(Role.ESME, interface_version=config.interface_version, tlv=config.tlv)
        timing = replace(config.timing(), session_init_s=OUTBIND_SECONDS_MAX)
        return SmppProtocol(
            session, self._handler, clock=self._clock, timing=timing, window=config.window,
            on_outbind=self._answer,
        )  # fmt: skip

    def _answer(self, link: SmppProtocol, outbind: Outbind) -> None:
        if not self._accepts(outbind, link.peer_host):
            link.close()
            return
        binding = Deferred.fromCoroutine(self._bind(link)).addErrback(_log_failure)
        self._binding.add(binding)
        self._binding = {one for one in self._binding if not one.called}

    async def _bind(self, link: SmppProtocol) -> None:
        config = replace(self._config, bind=BindKind.RECEIVER)
        try:
            await link.establish(config.bind_request())
        except SmppError as error:
            link.close(error)


class _EsmeFactory(protocol.Factory):
    """Builds the one protocol of one attempt."""

    noisy = False

    def __init__(self, build: Callable[[], SmppProtocol]) -> None:
        self._build = build

    def buildProtocol(self, addr: IAddress | None) -> SmppProtocol:  # noqa: N802 - Twisted's name
        """The session."""
        del addr
        return self._build()


def _log_failure(failure: Failure) -> None:
    _log.failure("link failed", failure)
