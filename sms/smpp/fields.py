"""The parameter types of SMPP (§3.1): how each is read from a body and written into one.

A reader takes the frame and an offset and gives the value and the next offset; a writer gives
the octets. Both refuse with the error of the parameter: nothing is ever cut to fit.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any, Protocol

from sms.errors import (
    CommandLengthInvalid,
    DestinationAddressInvalid,
    DestinationFlagInvalid,
    ListNameInvalid,
    MessageLengthInvalid,
    NumberOfDestinationsInvalid,
    ParameterValueInvalid,
)
from sms.smpp.pdu import DistributionList, SmeAddress, UnsuccessSme

if TYPE_CHECKING:
    from sms.errors import PduError

OCTET_MAX = 0xFF
STATUS_MAX = 0xFFFFFFFF
DESTINATIONS_MAX = 254
TEXT_OCTETS_MAX = 0xFF
"""What sm_length can say; how much of it is allowed depends on the version (rules.py)."""

_DEST_FLAG_SME = 1
_DEST_FLAG_LIST = 2
_STATUS = Struct(">I")


class Field(Protocol):
    """One parameter of a body."""

    name: str

    def read(self, frame: bytes, at: int) -> tuple[Any, int]:
        """The value at this offset, and the offset behind it."""

    def write(self, value: Any) -> bytes:
        """The octets of this value."""


class CString:
    """A C-Octet String of at most `size` octets, NUL included."""

    def __init__(self, name: str, size: int, error: type[PduError]) -> None:
        self.name = name
        self.size = size
        self.error = error

    def read(self, frame: bytes, at: int) -> tuple[str, int]:
        """Up to the NUL, which must come within the size and within the PDU."""
        end = frame.find(0, at, at + self.size)
        if end < 0:
            if len(frame) - at < self.size:
                raise CommandLengthInvalid(f"the PDU ends inside {self.name}")
            raise self.error(f"{self.name} is longer than {self.size - 1} octets")
        return frame[at:end].decode("latin-1"), end + 1

    def write(self, value: str) -> bytes:
        """One octet per character, then NUL."""
        if len(value) >= self.size:
            raise self.error(f"{self.name} is longer than {self.size - 1} octets")
        try:
            octets = value.encode("latin-1")
        except UnicodeEncodeError:
            raise self.error(f"{self.name} has characters that are no octets") from None
        if 0 in octets:
            raise self.error(f"{self.name} holds a NUL")
        return octets + b"\0"


class Octet:
    """An integer of one octet."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, frame: bytes, at: int) -> tuple[int, int]:
        """The octet itself."""
        if at >= len(frame):
            raise CommandLengthInvalid(f"the PDU ends before {self.name}")
        return frame[at], at + 1

    def write(self, value: int) -> bytes:
        """The octet itself."""
        if not 0 <= value <= OCTET_MAX:
            raise ParameterValueInvalid(f"{self.name} does not fit one octet")
        return bytes((value,))


class Text:
    """sm_length and short_message."""

    name = "short_message"

    def read(self, frame: bytes, at: int) -> tuple[bytes, int]:
        """As many octets as sm_length says."""
        if at >= len(frame):
            raise CommandLengthInvalid("the PDU ends before sm_length")
        end = at + 1 + frame[at]
        if end > len(frame):
            raise MessageLengthInvalid("sm_length points behind the end of the PDU")
        return frame[at + 1 : end], end

    def write(self, value: bytes) -> bytes:
        """The length, then the octets."""
        if len(value) > TEXT_OCTETS_MAX:
            raise MessageLengthInvalid(f"short_message is longer than {TEXT_OCTETS_MAX} octets")
        return bytes((len(value),)) + value


_TON = Octet("dest_addr_ton")
_NPI = Octet("dest_addr_npi")
_ADDRESS = CString("destination_addr", 21, DestinationAddressInvalid)
_LIST_NAME = CString("dl_name", 21, ListNameInvalid)
_DEST_FLAG = Octet("dest_flag")


class Destinations:
    """number_of_dests and dest_address(es) of submit_multi (§4.5.1)."""

    name = "dest_addresses"

    def read(self, frame: bytes, at: int) -> tuple[tuple[SmeAddress | DistributionList, ...], int]:
        """Each with its dest_flag."""
        count, at = Octet("number_of_dests").read(frame, at)
        self._check_count(count)
        found: list[SmeAddress | DistributionList] = []
        for _ in range(count):
            flag, at = _DEST_FLAG.read(frame, at)
            if flag == _DEST_FLAG_SME:
                ton, at = _TON.read(frame, at)
                npi, at = _NPI.read(frame, at)
                address, at = _ADDRESS.read(frame, at)
                found.append(SmeAddress(dest_addr_ton=ton, dest_addr_npi=npi, destination_addr=address))
            elif flag == _DEST_FLAG_LIST:
                list_name, at = _LIST_NAME.read(frame, at)
                found.append(DistributionList(dl_name=list_name))
            else:
                raise DestinationFlagInvalid(f"dest_flag is {flag}")
        return tuple(found), at

    def write(self, value: tuple[SmeAddress | DistributionList, ...]) -> bytes:
        """Each with its dest_flag."""
        self._check_count(len(value))
        parts = [bytes((len(value),))]
        for destination in value:
            if isinstance(destination, SmeAddress):
                parts += (
                    bytes((_DEST_FLAG_SME,)),
                    _TON.write(destination.dest_addr_ton),
                    _NPI.write(destination.dest_addr_npi),
                    _ADDRESS.write(destination.destination_addr),
                )
            else:
                parts += (bytes((_DEST_FLAG_LIST,)), _LIST_NAME.write(destination.dl_name))
        return b"".join(parts)

    @staticmethod
    def _check_count(count: int) -> None:
        if not 1 <= count <= DESTINATIONS_MAX:
            raise NumberOfDestinationsInvalid(f"number_of_dests is {count}")


class Failures:
    """no_unsuccess and unsuccess_sme(s) of submit_multi_resp (§4.5.2)."""

    name = "unsuccess_smes"

    def read(self, frame: bytes, at: int) -> tuple[tuple[UnsuccessSme, ...], int]:
        """Each address with its status."""
        count, at = Octet("no_unsuccess").read(frame, at)
        found: list[UnsuccessSme] = []
        for _ in range(count):
            ton, at = _TON.read(frame, at)
            npi, at = _NPI.read(frame, at)
            address, at = _ADDRESS.read(frame, at)
            if at + _STATUS.size > len(frame):
                raise CommandLengthInvalid("the PDU ends inside error_status_code")
            (status,) = _STATUS.unpack_from(frame, at)
            at += _STATUS.size
            found.append(
                UnsuccessSme(
                    dest_addr_ton=ton,
                    dest_addr_npi=npi,
                    destination_addr=address,
                    error_status_code=status,
                )
            )
        return tuple(found), at

    def write(self, value: tuple[UnsuccessSme, ...]) -> bytes:
        """Each address with its status."""
        if len(value) > OCTET_MAX:
            raise NumberOfDestinationsInvalid("no_unsuccess does not fit one octet")
        parts = [bytes((len(value),))]
        for failure in value:
            if not 0 <= failure.error_status_code <= STATUS_MAX:
                raise ParameterValueInvalid("error_status_code does not fit four octets")
            parts += (
                _TON.write(failure.dest_addr_ton),
                _NPI.write(failure.dest_addr_npi),
                _ADDRESS.write(failure.destination_addr),
                _STATUS.pack(failure.error_status_code),
            )
        return b"".join(parts)
