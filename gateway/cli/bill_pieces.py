"""A billing file in pieces: read and checked in a thread of their own, drawn by the gateway, written out in order."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from gateway.cli.bill_checkpoint import BLOCK_OCTETS, Totals
from gateway.cli.bill_csv import COLUMNS, LINE_OCTETS_MAX, REFUSED, Reject, csv_row, read_line, reject_row
from gateway.cli.errors import Failed

PIECE_LINES_FIRST = 1_000
PIECE_LINES_MAX = 20_000
"""Lines of a piece: the first is soon answered, each next one is twice as long, up to a second of the gateway's."""
PIECE_OCTETS_MAX = 16 << 20
"""Octets of the file after which a piece ends: as JSON they stay below what the gateway takes in one body."""

INVALID = "INVALID"


class Answer(msgspec.Struct):
    """The gateway's answer to a line."""

    charge_id: str | None = None
    msisdn: str = ""
    amount: str = ""
    cashback: str = ""
    main: str = ""
    unpaid: str = ""
    status: str = ""
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A line that goes to the gateway, as it stands in the file."""

    line_no: int
    charge_id: str
    line: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some lines in order; `read`, `sha256` and `line_no` say where the file stands after them."""

    lines: Sequence[Sent | Reject]
    body: bytes
    read: int
    sha256: str
    line_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a piece adds to the outputs."""

    split: bytes
    rejects: bytes
    totals: Totals


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answer).decode_lines


class Reader:
    """Reads on from where the file stands; memory is bounded by a piece, however long a line is."""

    def __init__(self, source: BinaryIO, digest: "hashlib._Hash", *, read: int, line_no: int) -> None:
        self._source = source
        self._digest = digest
        self._read = read
        self._line_no = line_no
        self._piece_lines = PIECE_LINES_FIRST

    def pieces(self) -> Iterator[Piece]:
        """Every piece; the one after that which is given out is being read meanwhile."""
        with ThreadPoolExecutor(1, "read-ahead") as ahead:
            coming = ahead.submit(self._piece)
            while piece := coming.result():
                coming = ahead.submit(self._piece)
                yield piece

    def _piece(self) -> Piece | None:
        lines: list[Sent | Reject] = []
        bodies: list[bytes] = []
        first = self._read
        while len(lines) < self._piece_lines and self._read - first < PIECE_OCTETS_MAX and (line := self._line()):
            cells = read_line(line, self._line_no)
            if isinstance(cells, Reject):
                lines.append(cells)
            elif cells is not None:
                lines.append(Sent(line_no=self._line_no, charge_id=cells[0], line=line))
                bodies.append(_encode(_document(cells)))
        if self._read == first:
            return None
        self._piece_lines = min(self._piece_lines * 2, PIECE_LINES_MAX)
        return Piece(
            lines=lines,
            body=b"\n".join(bodies),
            read=self._read,
            sha256=self._digest.hexdigest(),
            line_no=self._line_no,
        )

    def _line(self) -> bytes:
        """The next line, of one that is too long its beginning."""
        line = self._source.readline(LINE_OCTETS_MAX + 1)
        if line:
            self._line_no += 1
            self._count(line)
        rest = line
        while len(rest) > LINE_OCTETS_MAX and not rest.endswith(b"\n"):
            rest = self._source.readline(BLOCK_OCTETS)
            self._count(rest)
        return line

    def _count(self, octets: bytes) -> None:
        self._read += len(octets)
        self._digest.update(octets)


def _document(cells: Sequence[str]) -> dict[str, str]:
    """The line as the gateway takes it; an instant left out is the business clock's now."""
    return {name: cell for name, cell in zip(COLUMNS, cells, strict=True) if cell}


def write_out(piece: Piece, answered: bytes) -> Written:
    """The outputs' lines of a piece, given the gateway's answers to it.

    Raises:
        Failed: the answers are not those of the lines sent.
    """
    answers = _decode(answered) if answered else []
    sent = [one for one in piece.lines if isinstance(one, Sent)]
    if len(answers) != len(sent) or any(
        answer.charge_id is not None and answer.charge_id != one.charge_id
        for answer, one in zip(answers, sent, strict=True)
    ):
        raise Failed(
            f"the gateway answered {len(answers)} lines, {len(sent)} were sent",
            fix="is it a Firstcharge gateway of this version? the same command goes on from here",
        )
    coming = iter(answers)
    split: list[str] = []
    rejects: list[str] = []
    sums = [0, 0, 0, 0]
    refused = 0
    for one in piece.lines:
        answer = next(coming) if isinstance(one, Sent) else None
        if isinstance(one, Reject):
            rejects.append(reject_row(one))
        elif answer is None or answer.code == INVALID:
            rejects.append(reject_row(_invalid(one, answer)))
        elif answer.code:
            refused += 1
            split.append(csv_row((one.charge_id, answer.msisdn, answer.amount, "", "", "", REFUSED, answer.code)))
        else:
            figures = (answer.amount, answer.cashback, answer.main, answer.unpaid)
            sums = [so_far + _kopecks(figure) for so_far, figure in zip(sums, figures, strict=True)]
            split.append(csv_row((one.charge_id, answer.msisdn, *figures, answer.status, "")))
    totals = Totals(
        lines=len(piece.lines),
        drawn=len(split) - refused,
        refused=refused,
        rejected=len(rejects),
        amount=sums[0],
        cashback=sums[1],
        main=sums[2],
        unpaid=sums[3],
    )
    return Written(split="".join(split).encode(), rejects="".join(rejects).encode(), totals=totals)


def _invalid(sent: Sent, answer: Answer | None) -> Reject:
    """A line whose values the gateway could not take; its words begin with the field."""
    detail = answer.detail if answer else ""
    column, colon, reason = detail.partition(": ")
    if not colon or column not in COLUMNS:
        column, reason = "", detail
    return Reject(line_no=sent.line_no, column=column, reason=reason, text=sent.line.decode("utf-8", "replace"))


def _kopecks(figure: str) -> int:
    return int(figure.replace(".", ""))
