"""The gateway's SMPP links: each configured link with what it carries, SMS, USSD or both."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList, DeferredLock
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.logger import Logger

from gateway.http.ports import LinksRefused
from gateway.settings import LinkSection
from sms.delivery.lines import Lines
from sms.errors import SmppError
from sms.inbound import Inbound, SmsLinkHandler
from sms.smpp import CommandStatus, DeliverSm, Pdu, response_to
from sms.smpp.client import EsmeLink, LinkState
from sms.smpp.protocol import SmppProtocol
from ussd.over_smpp import UssdOverSmpp
from ussd.service import UssdService
from ussd.wire.dialects import PROFILES


class LinkHandler:
    """A SessionHandler that passes USSD to the dialogues and everything else to the SMS side."""

    def __init__(self, sms: SmsLinkHandler | None, ussd: UssdOverSmpp | None) -> None:
        self._sms = sms
        self._ussd = ussd

    def bound(self, link: SmppProtocol) -> None:
        """The link is up."""
        if self._sms is not None:
            self._sms.bound(link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        """USSD first; what nobody carries is refused for good."""
        if self._ussd is not None and isinstance(pdu, DeliverSm) and self._ussd.handles(pdu):
            self._ussd.request_received(link, pdu)
        elif self._sms is not None:
            self._sms.request_received(link, pdu)
        else:
            link.respond(pdu, response_to(pdu, CommandStatus.ESME_RX_P_APPN))

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        """A late or unknown answer."""
        if self._sms is not None:
            self._sms.response_unmatched(link, request, response)

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        """The link is down."""
        if self._sms is not None:
            self._sms.session_ended(link, in_flight, reason)
        if self._ussd is not None:
            self._ussd.session_ended(link)


class Roads(Protocol):
    """Who sends messages over links, as far as links come and go."""

    def add_link(self, section: LinkSection) -> None:
        """One more link, before it is bound."""
        ...

    def retire_link(self, section: LinkSection) -> None:
        """Give nothing more to a link, before it is unbound."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanges:
    """What a new list of links changed, by name; changed ones were unbound and are connected anew."""

    added: Sequence[str]
    removed: Sequence[str]
    changed: Sequence[str]
    untouched: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """One link with what it was made from."""

    section: LinkSection
    link: EsmeLink
    dialogues: UssdOverSmpp | None

    async def stop(self) -> None:
        """Let screens on their way arrive and answers come, then unbind."""
        if self.dialogues is not None:
            await self.dialogues.stop()
        await self.link.stop()


class Links:
    """All links of the configuration."""

    _log = Logger()

    def __init__(
        self,
        sections: Sequence[LinkSection],
        reactor: Any,
        *,
        lines: Lines,
        inbound: Inbound,
        ussd: UssdService,
        changed: Callable[[str, bool], None],
        refused: Callable[[SmppError], None],
    ) -> None:
        """`changed(name, is_up)` hears of every link that came up or went down, `refused` of PDUs we refuse."""
        self._reactor = reactor
        self._inbound = inbound
        self._ussd = ussd
        self._changed = changed
        self._refused = refused
        self._lines = lines
        self._held = {one.name: self._hold(one) for one in sections}
        self._turn = DeferredLock()

    @property
    def links(self) -> list[EsmeLink]:
        """Those there are now."""
        return [held.link for held in self._held.values()]

    @property
    def names(self) -> frozenset[str]:
        """Names of the links that carry SMS."""
        return frozenset(name for name, held in self._held.items() if "sms" in held.section.roles)

    @property
    def down(self) -> list[str]:
        """Names of the links that are not bound."""
        return [link.config.name for link in self.links if link.state is not LinkState.BOUND]

    @property
    def paused(self) -> list[str]:
        """Names of the links that the operator paused."""
        return sorted(self._lines.paused)

    def status(self) -> list[dict[str, object]]:
        """Every link as `/status` shows it."""
        return [
            {
                "name": link.config.name,
                "state": link.state.value,
                "window": link.config.window,
                "window_used": self.window_used(link),
                "paused": link.config.name in self._lines.paused,
            }
            for link in self.links
        ]

    def described(self) -> list[dict[str, object]]:
        """Every link as `/v1/links` shows it."""
        return [
            {
                "name": name,
                "roles": list(held.section.roles),
                "state": held.link.state.value,
                "host": held.section.host,
                "port": held.section.port,
                "tls": held.section.tls,
                "bind": held.section.bind.value,
                "weight": held.section.weight,
                "window": held.section.window,
                "window_used": self.window_used(held.link),
                "rate_per_s": self._lines.rate_of(name),
            }
            for name, held in self._held.items()
        ]

    def window_used(self, link: EsmeLink) -> int:
        """Requests of a link that wait for their answer."""
        return 0 if link.protocol is None else link.config.window - link.protocol.window_free

    async def start(self) -> None:
        """Begin to connect; the links come up when they can."""
        for link in self.links:
            await link.start()

    async def stop(self) -> None:
        """Let screens on their way arrive, then unbind."""
        for held in self._held.values():
            if held.dialogues is not None:
                await held.dialogues.stop()
        for link in self.links:
            await link.stop()

    async def reload(self, sections: Sequence[LinkSection], roads: Roads) -> LinkChanges:
        """Go by this list from now on: what is new comes up, what is gone drains and unbinds, the same stays."""
        await self._turn.acquire()
        try:
            return await self._reload({one.name: one for one in sections}, roads)
        finally:
            self._turn.release()

    async def _reload(self, wanted: Mapping[str, LinkSection], roads: Roads) -> LinkChanges:
        before = {name: held.section for name, held in self._held.items()}
        fresh = {name: self._hold(section) for name, section in wanted.items() if before.get(name) != section}
        ended = [held for name, held in self._held.items() if name in fresh or name not in wanted]
        for held in ended:
            roads.retire_link(held.section)
        await DeferredList([Deferred.fromCoroutine(held.stop()) for held in ended], consumeErrors=True)
        self._held = {name: fresh.get(name) or self._held[name] for name in wanted}
        for held in fresh.values():
            roads.add_link(held.section)
            await held.link.start()
        changes = LinkChanges(
            added=[name for name in wanted if name not in before],
            removed=[name for name in before if name not in wanted],
            changed=[name for name in fresh if name in before],
            untouched=[name for name in wanted if name not in fresh],
        )
        self._log.info("links_reloaded {changes}", changes=str(changes))
        return changes

    def _hold(self, section: LinkSection) -> _Held:
        sms = SmsLinkHandler(section.name, self._lines, self._inbound) if "sms" in section.roles else None
        dialogues = None
        if "ussd" in section.roles:
            dialogues = UssdOverSmpp(self._ussd, profile=PROFILES[section.profile], clock=self._reactor)
        link = EsmeLink(
            section.config(),
            LinkHandler(sms, dialogues),
            endpoint=endpoint_of(section, self._reactor),
            clock=self._reactor,
            rng=random.SystemRandom(),
            on_state=self._state_changed,
            on_refused=self._refused,
        )
        return _Held(section=section, link=link, dialogues=dialogues)

    def _state_changed(self, link: EsmeLink, state: LinkState, reason: str) -> None:
        self._log.info(
            "link_changed {link} {state} {reason}", link=link.config.name, state=state.value, reason=reason
        )
        self._changed(link.config.name, state is LinkState.BOUND)


def no_file() -> Sequence[LinkSection]:
    """For a process that was started without a configuration file."""
    raise LinksRefused(["this process was started without a configuration file"])


def endpoint_of(section: LinkSection, reactor: Any) -> IStreamClientEndpoint:
    """Where a link connects to, through TLS where it asks for it."""
    plain = HostnameEndpoint(reactor, section.host, section.port)
    if not section.tls:
        return plain
    trusted = None
    if section.tls_ca:
        trusted = trustRootFromCertificates([Certificate.loadPEM(Path(section.tls_ca).read_bytes())])
    return wrapClientTLS(optionsForClientTLS(section.host, trustRoot=trusted), plain)
