"""PDUs out of what people paste or record, each as a document and as lines to read."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from gateway.cli.errors import BadUsage
from gateway.cli.output import Style, cell, one_line
from gateway.cli.shell import Shell
from sms.errors import CaptureUnreadable, PduError
from sms.smpp.codec import decode
from sms.smpp.constants import VERSION_50
from sms.smpp.describe import describe, name_of_status
from sms.smpp.framing import Framer
from sms.smpp.pcap_reader import read_pcap

HEX = re.compile(r"[0-9a-fA-F]*")
NOISE = re.compile(r"0x|[\s:,-]")
SHOWN_MAX = 96
"""Characters of a value on a line; `--json` has all of it."""
NAME_WIDTH = 24
HEADING = ("command", "command_id", "command_status", "sequence_number", "tlvs", "words", "text")


class Found(NamedTuple):
    """The octets of one PDU, and where a capture had it."""

    frame: bytes
    where: dict[str, str]


def pdus_of(source: str, octets: bytes | None) -> Iterator[Found]:
    """The PDUs of a capture file, of hexadecimal text, or of what standard input gave (`octets`).

    Raises:
        BadUsage: it is neither, or its octets cannot be cut into PDUs.
    """
    path = Path(source)
    if octets is None and _is_file(path):
        octets = path.read_bytes()
    if octets is not None and not _is_hex(octets):
        return _of_capture(octets, source)
    return _of_hex(source if octets is None else octets.decode("ascii"))


def dissected(found: Found) -> dict[str, Any]:
    """A PDU as a document; one that breaks the protocol as `error` with its status and octets."""
    try:
        # The widest reading: what only 5.0 allows is shown, not refused.
        return {**found.where, **describe(decode(found.frame, VERSION_50))}
    except PduError as error:
        return {
            **found.where,
            "error": str(error),
            "answer": name_of_status(error.command_status),
            "command_id": f"0x{error.command_id:08X}",
            "sequence_number": error.sequence_number,
            "hex": found.frame.hex(),
        }


def described(shell: Shell, number: int, document: dict[str, Any]) -> list[str]:
    """The same as lines."""
    place = "  ".join(document[name] for name in ("at", "from", "to") if name in document)
    if "error" in document:
        return [
            shell.paint(
                f"{number}  {document['command_id']} #{document['sequence_number']}  {place}".rstrip(), Style.BAD
            ),
            f"  {document['error']}; to be answered with {document['answer']}",
            f"  {_shortened(document['hex'])}",
        ]
    words = document["words"]
    status = words.get("command_status") or ""
    heading = f"{number}  {document['command']} #{document['sequence_number']}  {status}  {place}"
    lines = [shell.paint(" ".join(heading.split("   ")).rstrip(), Style.STRONG)]
    for name, value in document.items():
        if name not in (*HEADING, "at", "from", "to"):
            lines.append(_line(name, cell(value), words.get(name)))
    for one in document["tlvs"]:
        shown = one["hex"] if "value" not in one else f"{one['hex']} = {one['value']}"
        lines.append(_line(f"{one['name']} ({one['tag']})", shown, one.get("words")))
    if document.get("text"):
        lines.append(_line("text", one_line(document["text"]), None))
    return lines


def _line(name: str, value: str, words: str | None) -> str:
    return f"  {name:<{NAME_WIDTH}}  {_shortened(value)}{f'  ({words})' if words else ''}"


def _shortened(value: str) -> str:
    return value if len(value) <= SHOWN_MAX else f"{value[:SHOWN_MAX]}… ({len(value)} characters, all with --json)"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long to be one
        return False


def _is_hex(octets: bytes) -> bool:
    try:
        return bool(HEX.fullmatch(NOISE.sub("", octets.decode("ascii"))))
    except UnicodeDecodeError:
        return False


def _of_capture(octets: bytes, source: str) -> Iterator[Found]:
    try:
        captured = list(read_pcap(octets))
    except CaptureUnreadable as error:
        raise BadUsage(f"{source}: {error}", fix="record one: tcpdump -s0 -w FILE port 2775") from None
    if not captured:
        raise BadUsage(
            f"{source}: no SMPP in this capture", fix="record the whole session: tcpdump -s0 -w FILE port 2775"
        )
    for one in captured:
        at = datetime.fromtimestamp(one.at, UTC).isoformat(timespec="milliseconds")
        yield Found(one.frame, {"at": at, "from": one.source, "to": one.destination})


def _of_hex(text: str) -> Iterator[Found]:
    digits = NOISE.sub("", text)
    if not HEX.fullmatch(digits):
        raise BadUsage(f"{text[:40]!r} is neither hexadecimal nor a file", fix="give a PDU in hex, or FILE.pcap")
    if not digits or len(digits) % 2:
        raise BadUsage(f"{len(digits)} hexadecimal digits are no whole octets")
    framer = Framer()
    octets = bytes.fromhex(digits)
    frames = framer.feed(octets)
    if framer.error is not None:
        raise BadUsage(f"this is no SMPP: {framer.error}")
    if framer.pending:
        missing = f"{framer.pending} octets are left over: the PDU they begin is cut short"
        raise BadUsage(missing, fix="a PDU begins with its command_length in four octets")
    return (Found(frame, {}) for frame in frames)
