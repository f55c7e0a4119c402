"""Settings of one SMPP link and of the timers both sides keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sms.smpp.constants import VERSION_34
from sms.smpp.pdu import Bind, BindReceiver, BindTransceiver, BindTransmitter


class BindKind(StrEnum):
    """How an ESME binds."""

    TRANSMITTER = "transmitter"
    RECEIVER = "receiver"
    TRANSCEIVER = "transceiver"


class TlvPolicy(StrEnum):
    """Whether optional parameters are sent.

    AUTO: yes once the peer announced 3.4 or later (sc_interface_version), or has itself sent one.
    """

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


BIND_CLASSES: dict[BindKind, type[Bind]] = {
    BindKind.TRANSMITTER: BindTransmitter,
    BindKind.RECEIVER: BindReceiver,
    BindKind.TRANSCEIVER: BindTransceiver,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Timers of a session in seconds (SMPP 3.4 §2.9); None switches one off."""

    session_init_s: float | None = 5.0
    enquire_link_s: float | None = 30.0
    response_timeout_s: float = 10.0
    inactivity_s: float | None = None
    partial_pdu_s: float = 10.0
    unbind_s: float = 5.0
    write_stall_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """One ESME link; names as in the `[[links]]` section of the configuration."""

    name: str
    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    bind: BindKind = BindKind.TRANSCEIVER
    system_type: str = ""
    window: int = 10
    enquire_link_s: float = 30.0
    response_timeout_s: float = 10.0
    interface_version: int = VERSION_34
    tlv: TlvPolicy = TlvPolicy.AUTO
    reconnect_first_s: float = 0.2
    reconnect_max_s: float = 30.0
    bind_spacing_s: float = 1.0
    refused_first_s: float = 60.0
    refused_max_s: float = 300.0

    def __post_init__(self) -> None:
        if self.interface_version < VERSION_34 and self.bind is BindKind.TRANSCEIVER:
            raise ValueError("bind_transceiver needs interface_version 0x34 or later (SMPP 3.4 §2.2)")
        if self.window < 1:
            raise ValueError("window must be at least 1")

    def bind_request(self) -> Bind:
        """The bind PDU of this link."""
        return BIND_CLASSES[self.bind](
            system_id=self.system_id,
            password=self.password,
            system_type=self.system_type,
            interface_version=self.interface_version,
        )

    def timing(self) -> Timing:
        """The timers of this link."""
        return Timing(
            session_init_s=None,  # our own bind has the response timeout
            enquire_link_s=self.enquire_link_s,
            response_timeout_s=self.response_timeout_s,
        )
