"""The last PDUs of every link in both directions, kept as octets and read only when somebody looks."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from sms.errors import SmppError
from sms.smpp.codec import decode
from sms.smpp.constants import CommandId, CommandStatus
from sms.smpp.describe import describe
from sms.smpp.events import Direction
from sms.smpp.pcap import Record, write_pcap
from sms.smpp.pdu import Pdu
from sms.smpp.protocol import SmppProtocol

RECEIVED = Direction.RECEIVED
Tap = Callable[[Direction, bytes, Pdu | None], None]

_COMMAND = slice(4, 8)
_STATUS = slice(8, 12)
_SEQUENCE = slice(12, 16)


class Connection:
    """One connection as the trace names it: by its system_id once it is bound."""

    __slots__ = ("name", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"connection-{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """One PDU of the trace; `at` is wall time, `received` as the SMSC sees it."""

    at: float
    connection: Connection
    received: bool
    octets: bytes
    serial: int
    """Rises by one from PDU to PDU, whatever the clock does."""

    @property
    def command(self) -> str:
        """The command's name, or its number where it has none."""
        number = int.from_bytes(self.octets[_COMMAND], "big")
        try:
            return CommandId(number).name.lower()
        except ValueError:
            return f"0x{number:08x}"

    @property
    def status(self) -> str:
        """The status' name, or its number where it has none."""
        number = int.from_bytes(self.octets[_STATUS], "big")
        try:
            return CommandStatus(number).name
        except ValueError:
            return f"0x{number:08x}"

    @property
    def sequence(self) -> int:
        """The sequence_number."""
        return int.from_bytes(self.octets[_SEQUENCE], "big")

    def fields(self) -> dict[str, Any]:
        """Every parameter in words; what is wrong where the PDU cannot be read."""
        try:
            return describe(decode(self.octets))
        except SmppError as error:
            return {"error": str(error)}


class Capture:
    """A bounded ring of PDUs."""

    def __init__(self, *, capacity: int, wall: Callable[[], float]) -> None:
        self._ring: deque[tuple[float, Connection, bool, bytes, int]] = deque(maxlen=capacity)
        self._wall = wall
        self._connections: dict[SmppProtocol, Connection] = {}
        self._numbers = 0
        # Above every serial of an earlier run: a page that goes on asking for what is new gets it.
        self._next_serial = count(int(wall() * 1_000_000)).__next__

    def tap_of(self, link: SmppProtocol) -> Tap:
        """What records the PDUs of one link: called for each one, so it does nothing else."""
        connection = self.connection(link)
        keep, wall, next_serial = self._ring.append, self._wall, self._next_serial

        def tap(direction: Direction, octets: bytes, pdu: Pdu | None) -> None:  # noqa: ARG001 - the protocol's signature
            keep((wall(), connection, direction is RECEIVED, octets, next_serial()))

        return tap

    def connection(self, link: SmppProtocol) -> Connection:
        """The connection of this link, numbered when first seen."""
        known = self._connections.get(link)
        if known is None:
            self._numbers += 1
            known = self._connections[link] = Connection(self._numbers)
        return known

    def forget(self, link: SmppProtocol) -> None:
        """The link is gone; what it said stays in the ring."""
        self._connections.pop(link, None)

    def entries(self, *, link: str | None = None, command: str | None = None) -> Iterator[Traced]:
        """The PDUs, newest first, of one link (its name or its system_id) or one command if asked."""
        for at, connection, received, octets, serial in reversed(self._ring):
            entry = Traced(at=at, connection=connection, received=received, octets=octets, serial=serial)
            if link is not None and link not in (connection.name, connection.name.rpartition("-")[0]):
                continue
            if command is not None and entry.command != command:
                continue
            yield entry

    def mentioning(self, message_id: str) -> list[Traced]:
        """The PDUs that hold this message id, oldest first."""
        sought = message_id.encode("ascii")
        return [entry for entry in self.entries() if sought in entry.octets][::-1]

    def pcap(self, *, smsc_port: int) -> bytes:
        """Everything in the ring as a capture file."""
        records = (
            Record(at=at, connection=connection.number, to_smsc=received, octets=octets)
            for at, connection, received, octets, _ in self._ring
        )
        return write_pcap(records, smsc_port=smsc_port)
