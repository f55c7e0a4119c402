"""USSD on the wire, for both ends of it: strings, limits, SMPP dialects. Pure."""

from ussd.wire.dialects import (
    GENERIC,
    MICA,
    PHP_SMPP,
    PROFILES,
    SERVICE_TYPE,
    SIXDEE,
    TATA,
    CodeField,
    Indication,
    Kind,
    Op,
    Response,
    SessionTlv,
    SmppUssdProfile,
    WireUnit,
    carries_ussd,
)
from ussd.wire.errors import OperationUnknown, SessionOutOfRange, UssdWireError
from ussd.wire.limits import OCTETS_MAX, OCTETS_MAX_SHORT_FORM, UssdLimits
from ussd.wire.strings import DecodedString, UssdString, decode_string, encode_string, octets_of

__all__ = [
    "GENERIC",
    "MICA",
    "OCTETS_MAX",
    "OCTETS_MAX_SHORT_FORM",
    "PHP_SMPP",
    "PROFILES",
    "SERVICE_TYPE",
    "SIXDEE",
    "TATA",
    "CodeField",
    "DecodedString",
    "Indication",
    "Kind",
    "Op",
    "OperationUnknown",
    "Response",
    "SessionOutOfRange",
    "SessionTlv",
    "SmppUssdProfile",
    "UssdLimits",
    "UssdString",
    "UssdWireError",
    "WireUnit",
    "carries_ussd",
    "decode_string",
    "encode_string",
    "octets_of",
]
