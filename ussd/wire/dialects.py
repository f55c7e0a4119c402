"""USSD over SMPP as different networks speak it: one profile per dialect, both directions, no I/O.

The gateway reads indications and writes responses; a USSD centre does the reverse with the same profile.
Profiles differ in where the session number stands, which ussd_service_op means what, and whether the end is
an operation or a bit. Confusing decimal and hexadecimal operations is the commonest fault here, so every
warning names both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from sms.text import Coding, decode, encode
from ussd.wire.errors import OperationUnknown, SessionOutOfRange
from ussd.wire.strings import DCS_GSM7, DCS_UCS2, looks_like_utf16

SERVICE_TYPE = "USSD"

TAG_USER_MESSAGE_REFERENCE = 0x0204
TAG_USSD_SERVICE_OP = 0x0501
TAG_ITS_SESSION_INFO = 0x1383
TAG_USSD_SESSION_ID = 0x1501  # vendor: php-smpp's test networks
VENDOR_TAGS = range(0x1400, 0x4000)

_GSM7_DATA_CODINGS = frozenset((0, DCS_GSM7))
_UCS2_DATA_CODINGS = frozenset((8, DCS_UCS2))
_KNOWN_DATA_CODINGS = _GSM7_DATA_CODINGS | _UCS2_DATA_CODINGS | {1, 3, 4, 6}
_DIALLED_OCTETS = frozenset(b"0123456789*#")

Tlvs = tuple[tuple[int, bytes], ...]
SessionId = int | str  # a number over SMPP, whatever an HTTP aggregator makes up elsewhere


class Op(IntEnum):
    """ussd_service_op: SMPP 5.0 §4.8.4.64, and the release that vendors put at 0x81."""

    PSSD_INDICATION = 0
    PSSR_INDICATION = 1
    USSR_REQUEST = 2
    USSN_REQUEST = 3
    PSSD_RESPONSE = 16
    PSSR_RESPONSE = 17
    USSR_CONFIRM = 18
    USSN_CONFIRM = 19
    VENDOR_RELEASE = 0x81


class Kind(StrEnum):
    """What the network tells: a subscriber dialled, answered, or is gone."""

    BEGIN = "begin"
    ANSWER = "answer"
    ABORT = "abort"


class CodeField(StrEnum):
    """Where the dialled code of a BEGIN stands."""

    SHORT_MESSAGE = "short_message"
    DESTINATION_ADDR = "destination_addr"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireUnit:
    """The parts of a deliver_sm or submit_sm that carry USSD; `payload` is short_message or message_payload."""

    source: str
    destination: str
    service_type: str = SERVICE_TYPE
    data_coding: int = 0
    payload: bytes = b""
    tlvs: Tlvs = ()

    def tlv(self, tag: int) -> bytes | None:
        """The value of the first TLV of this tag."""
        return next((value for known, value in self.tlvs if known == tag), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Indication:
    """What the network says of one subscriber's session.

    `service_code` is the address the subscriber reached and answers come from. `session` is None where the
    network names none: then the MSISDN alone tells sessions apart. `step` counts the units of the session
    where the dialect has a field for it.
    """

    msisdn: str
    service_code: str
    kind: Kind
    text: str = ""
    session: SessionId | None = None
    step: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A text for the subscriber's screen as the network reads it; `end` closes the session."""

    msisdn: str
    text: str
    end: bool
    coding: Coding
    session: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTlv:
    """The parameter that names the session, from its highest bit: session, step, end."""

    tag: int
    octets: int
    session_bits: int
    step_bits: int = 0
    end_bits: int = 0

    def write(self, session: SessionId, step: int = 0) -> bytes:
        """The parameter's value. Raises SessionOutOfRange where a number has no room, or is none."""
        if not isinstance(session, int) or not 0 <= session < 1 << self.session_bits:
            raise SessionOutOfRange(f"session {session} needs more than {self.session_bits} bits")
        step_mask = (1 << self.step_bits) - 1
        value = (session << self.step_bits | step & step_mask) << self.end_bits
        return value.to_bytes(self.octets, "big")

    def read(self, value: bytes | None) -> tuple[int | None, int | None]:
        """Session and step; both None where the parameter is missing or has another size."""
        if value is None or len(value) != self.octets:
            return None, None
        number = int.from_bytes(value, "big") >> self.end_bits
        step = number & ((1 << self.step_bits) - 1) if self.step_bits else None
        return number >> self.step_bits, step

    def ended(self, value: bytes | None) -> bool:
        """Whether the end bit is set."""
        return bool(self.end_bits and value and value[-1] & 1)

    def with_end(self, value: bytes) -> bytes:
        """The value with its end bit set."""
        return value[:-1] + bytes((value[-1] | 1,)) if self.end_bits and value else value


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppUssdProfile:
    """One dialect.

    `kinds` maps an operation from the network to what it tells, the one a network sends first; any other
    operation is read as an answer, with a warning. `ends_by_bit`: the end bit closes a session in either direction.
    """

    name: str
    session_tlv: SessionTlv
    kinds: Mapping[int, Kind]
    op_menu: int = Op.USSR_REQUEST
    op_end: int = Op.PSSR_RESPONSE
    ends_by_bit: bool = False
    code_field: CodeField = CodeField.SHORT_MESSAGE
    data_coding_gsm7: int = 0
    data_coding_ucs2: int = 8

    def read_indication(self, unit: WireUnit) -> Indication:
        """What a deliver_sm from the network tells; never fails, whatever the unit holds."""
        text, _, warnings = _read_text(unit)
        kind, doubts = self._kind(unit, text)
        if kind is Kind.BEGIN and self.code_field is CodeField.DESTINATION_ADDR:
            text = unit.destination
        value = unit.tlv(self.session_tlv.tag)
        session, step = self.session_tlv.read(value)
        if value is not None and session is None:
            doubts = (*doubts, f"session parameter 0x{self.session_tlv.tag:04x} of {len(value)} octets ignored")
        return Indication(
            msisdn=unit.source.removeprefix("+"),
            service_code=unit.destination,
            kind=kind,
            text=text,
            session=session,
            step=step,
            warnings=warnings + doubts,
        )

    def write_response(self, request: WireUnit, text: str, *, end: bool) -> WireUnit:
        """The submit_sm that answers a request: addresses swapped, session and vendor TLVs given back."""
        coding, payload = encode(text)
        op = self.op_end if end else self.op_menu
        echoed = tuple(
            (tag, self.session_tlv.with_end(value))
            if end and self.ends_by_bit and tag == self.session_tlv.tag
            else (tag, value)
            for tag, value in request.tlvs
            if tag in (self.session_tlv.tag, TAG_ITS_SESSION_INFO) or tag in VENDOR_TAGS
        )
        return WireUnit(
            source=request.destination,
            destination=request.source,
            data_coding=self.data_coding_gsm7 if coding is Coding.GSM7 else self.data_coding_ucs2,
            payload=payload,
            tlvs=((TAG_USSD_SERVICE_OP, bytes((op,))), *echoed),
        )

    def write_indication(self, indication: Indication) -> WireUnit:
        """The deliver_sm by which a USSD centre tells the application; raises SessionOutOfRange."""
        coding, payload = encode(indication.text)
        begins_in_address = indication.kind is Kind.BEGIN and self.code_field is CodeField.DESTINATION_ADDR
        op = next(op for op, kind in self.kinds.items() if kind is indication.kind)
        tlvs: Tlvs = ((TAG_USSD_SERVICE_OP, bytes((op,))),)
        if indication.session is not None:
            value = self.session_tlv.write(indication.session, indication.step or 0)
            tlvs = (*tlvs, (self.session_tlv.tag, value))
        return WireUnit(
            source=indication.msisdn,
            destination=indication.text if begins_in_address else indication.service_code,
            data_coding=self.data_coding_gsm7 if coding is Coding.GSM7 else self.data_coding_ucs2,
            payload=b"" if begins_in_address else payload,
            tlvs=tlvs,
        )

    def read_response(self, unit: WireUnit) -> Response:
        """What the application wants on the screen; raises OperationUnknown where it says neither menu nor end."""
        op = _operation(unit)
        value = unit.tlv(self.session_tlv.tag)
        if op is None or op not in (self.op_menu, self.op_end):
            raise OperationUnknown(op)
        end = op == self.op_end if self.op_end != self.op_menu else self.session_tlv.ended(value)
        text, coding, warnings = _read_text(unit)
        return Response(
            msisdn=unit.destination.removeprefix("+"),
            text=text,
            end=end,
            coding=coding,
            session=self.session_tlv.read(value)[0],
            warnings=warnings,
        )

    def _kind(self, unit: WireUnit, text: str) -> tuple[Kind, tuple[str, ...]]:
        op = _operation(unit)
        if self.ends_by_bit and self.session_tlv.ended(unit.tlv(self.session_tlv.tag)):
            return Kind.ABORT, ()
        if op is None:
            looks_dialled = text.startswith(("*", "#"))
            return (Kind.BEGIN if looks_dialled else Kind.ANSWER), ("no ussd_service_op",)
        kind = self.kinds.get(op)
        if kind is None:
            return Kind.ANSWER, (f"ussd_service_op {op} (0x{op:02x}) unknown to {self.name}, read as an answer",)
        return kind, ()


def carries_ussd(unit: WireUnit) -> bool:
    """Whether a PDU is USSD at all: by its service_type, or by the operation it names."""
    return unit.service_type == SERVICE_TYPE or unit.tlv(TAG_USSD_SERVICE_OP) is not None


def _operation(unit: WireUnit) -> int | None:
    value = unit.tlv(TAG_USSD_SERVICE_OP)
    return int.from_bytes(value, "big") if value else None


def _read_text(unit: WireUnit) -> tuple[str, Coding, tuple[str, ...]]:
    """The text, its coding and what did not agree: networks do send one coding under the other's number."""
    coding, payload = unit.data_coding, unit.payload
    if coding in _UCS2_DATA_CODINGS:
        if len(payload) % 2 or (payload and _DIALLED_OCTETS.issuperset(payload)):
            return decode(payload, 0), Coding.GSM7, (f"7-bit text under data_coding {coding} (0x{coding:02x})",)
        return payload.decode("utf-16-be", "replace"), Coding.UCS2, ()
    warnings: tuple[str, ...] = ()
    if coding not in _KNOWN_DATA_CODINGS:
        warnings = (f"unknown data_coding {coding} (0x{coding:02x}) read as GSM-7",)
    if looks_like_utf16(payload):
        return (
            payload.decode("utf-16-be"),
            Coding.UCS2,
            (*warnings, f"UCS-2 under data_coding {coding} (0x{coding:02x})"),
        )
    return decode(payload, coding), Coding.GSM7, warnings


_STANDARD_KINDS: Mapping[int, Kind] = {
    Op.PSSR_INDICATION: Kind.BEGIN,
    Op.PSSD_INDICATION: Kind.BEGIN,
    Op.USSR_CONFIRM: Kind.ANSWER,
    Op.VENDOR_RELEASE: Kind.ABORT,
}
_TATA_KINDS: Mapping[int, Kind] = {
    Op.PSSR_INDICATION: Kind.BEGIN,
    Op.USSR_CONFIRM: Kind.ANSWER,
    Op.PSSR_RESPONSE: Kind.ABORT,
}
_PSSD_FIRST_KINDS: Mapping[int, Kind] = {Op.PSSD_INDICATION: Kind.BEGIN, **_STANDARD_KINDS}
_ITS_WITH_STEP = SessionTlv(tag=TAG_ITS_SESSION_INFO, octets=2, session_bits=8, step_bits=7, end_bits=1)

GENERIC = SmppUssdProfile(name="generic", session_tlv=_ITS_WITH_STEP, kinds=_STANDARD_KINDS)
TATA = SmppUssdProfile(
    name="tata",
    session_tlv=_ITS_WITH_STEP,
    kinds=_TATA_KINDS,
    op_end=Op.USSR_REQUEST,
    ends_by_bit=True,
    code_field=CodeField.DESTINATION_ADDR,
)
SIXDEE = SmppUssdProfile(
    name="sixdee",
    session_tlv=SessionTlv(tag=TAG_ITS_SESSION_INFO, octets=2, session_bits=15, end_bits=1),
    kinds=_STANDARD_KINDS,
    ends_by_bit=True,
)
MICA = SmppUssdProfile(
    name="mica",
    session_tlv=SessionTlv(tag=TAG_USER_MESSAGE_REFERENCE, octets=2, session_bits=16),
    kinds=_STANDARD_KINDS,
)
PHP_SMPP = SmppUssdProfile(
    name="php_smpp",
    session_tlv=SessionTlv(tag=TAG_USSD_SESSION_ID, octets=4, session_bits=32),
    kinds=_PSSD_FIRST_KINDS,
    data_coding_ucs2=DCS_UCS2,
)
PROFILES: Mapping[str, SmppUssdProfile] = {
    profile.name: profile for profile in (GENERIC, TATA, SIXDEE, MICA, PHP_SMPP)
}
