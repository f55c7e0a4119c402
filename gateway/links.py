"""The gateway's SMPP links: each configured link with what it carries, SMS, USSD or both."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger

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
        self._refused = refused
        self._changed = changed
        self._lines = lines
        self._sections = {one.name: one for one in sections}
        self._dialogues: list[UssdOverSmpp] = []
        self.links = [self._link(one, reactor, lines=lines, inbound=inbound, ussd=ussd) for one in sections]

    @property
    def names(self) -> frozenset[str]:
        """Names of the links that carry SMS."""
        return frozenset(name for name, section in self._sections.items() if "sms" in section.roles)

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
                "name": link.config.name,
                "roles": list(self._sections[link.config.name].roles),
                "state": link.state.value,
                "host": link.config.host,
                "port": link.config.port,
                "tls": self._sections[link.config.name].tls,
                "bind": link.config.bind.value,
                "weight": self._sections[link.config.name].weight,
                "window": link.config.window,
                "window_used": self.window_used(link),
                "rate_per_s": self._lines.rate_of(link.config.name),
            }
            for link in self.links
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
        for dialogues in self._dialogues:
            await dialogues.stop()
        for link in self.links:
            await link.stop()

    def _link(
        self, section: LinkSection, reactor: Any, *, lines: Lines, inbound: Inbound, ussd: UssdService
    ) -> EsmeLink:
        sms = SmsLinkHandler(section.name, lines, inbound) if "sms" in section.roles else None
        dialogues = None
        if "ussd" in section.roles:
            dialogues = UssdOverSmpp(ussd, profile=PROFILES[section.profile], clock=reactor)
            self._dialogues.append(dialogues)
        return EsmeLink(
            section.config(),
            LinkHandler(sms, dialogues),
            endpoint=endpoint_of(section, reactor),
            clock=reactor,
            rng=random.SystemRandom(),
            on_state=self._state_changed,
            on_refused=self._refused,
        )

    def _state_changed(self, link: EsmeLink, state: LinkState, reason: str) -> None:
        self._log.info(
            "link_changed {link} {state} {reason}", link=link.config.name, state=state.value, reason=reason
        )
        self._changed(link.config.name, state is LinkState.BOUND)


def endpoint_of(section: LinkSection, reactor: Any) -> IStreamClientEndpoint:
    """Where a link connects to, through TLS where it asks for it."""
    plain = HostnameEndpoint(reactor, section.host, section.port)
    return wrapClientTLS(optionsForClientTLS(section.host), plain) if section.tls else plain
