"""Billing files as CSV: lines in with what is wrong in them named, splits and rejects out. Pure, one line at a time.

A line is a physical line: a cell that goes on past its end is wrong, so that one stray quote costs one line and not
the rest of the file. Cells that a spreadsheet would run as a formula neither come in nor go out.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = ("charge_id", "msisdn", "type", "amount", "occurred_at")
SPLIT_COLUMNS = ("charge_id", "msisdn", "amount", "cashback", "main", "unpaid", "status", "code")
REJECT_COLUMNS = ("line", "column", "reason", "text")
LINE_OCTETS_MAX = 4_096
REJECTED_TEXT_MAX = 200
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FORMULA_STARTS = ("=", "+", "-", "@")
REFUSED = "refused"
"""Status of a line that a rule refused; its code says which."""

_KINDS = (
    (b"\x1f\x8b", "it is compressed: unpack it first (gunzip)"),
    (b"PK\x03\x04", "it is a workbook or an archive: save the sheet as CSV first"),
    (b"\xff\xfe", "it is UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "it is UTF-16: save it as UTF-8"),
)
_MUST = {"charge_id": "an id", "msisdn": "a number", "type": "a type", "amount": "an amount"}


class WrongHeader(ValueError):
    """The first line is not the header of a billing file; nothing of the file may be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A line that cannot be drawn: the column at fault (empty: the line as a whole) and why."""

    line_no: int
    column: str
    reason: str
    text: str


def check_header(line: bytes) -> None:
    """Accept the first line of a billing file; a byte order mark and either line end are fine.

    Raises:
        WrongHeader: with what is wrong and how it must be.
    """
    must = f"the first line must be {','.join(COLUMNS)}"
    if not line:
        raise WrongHeader(f"line 1: the file is empty; {must}")
    for start, says in _KINDS:
        if line.startswith(start):
            raise WrongHeader(f"line 1: {says}; {must}")
    try:
        text = line.removeprefix(BYTE_ORDER_MARK).decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise WrongHeader(f"line 1: not UTF-8 at octet {error.start + 1}; {must}") from None
    found = [name.strip().strip('"').lower() for name in text.split(",")]
    if tuple(found) == COLUMNS:
        return
    if len(found) == 1 and any(mark in text for mark in ";\t|"):
        raise WrongHeader(f"line 1: columns are not separated by commas; {must}")
    raise WrongHeader(f"line 1: {_difference(found)}; {must}")


def _difference(found: Sequence[str]) -> str:
    missing = [name for name in COLUMNS if name not in found]
    unknown = [name for name in found if name not in COLUMNS]
    if missing:
        return f"column {missing[0]} is missing (found: {shown(','.join(found))})"
    if unknown:
        return f"column {shown(unknown[0]) or '(empty)'} is unknown"
    if len(found) > len(COLUMNS):
        return "a column stands twice"
    return f"the columns are in another order: {','.join(found)}"


def read_line(line: bytes, line_no: int) -> list[str] | Reject | None:
    """The cells of a line, or what is wrong in it; None for a blank line.

    A last line without a line end counts unless it may have been cut: without its last cell it is half a line.
    """
    is_cut = not line.endswith(b"\n")
    if is_cut and len(line) > LINE_OCTETS_MAX:
        return _reject(line_no, "", f"the line is longer than {LINE_OCTETS_MAX} octets", line)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        column = COLUMNS[min(line[: error.start].count(b","), len(COLUMNS) - 1)]
        return _reject(line_no, column, f"not UTF-8 at octet {error.start + 1} of the line", line)
    text = text.rstrip("\r\n")
    if not text.strip():
        return None
    cells = _cells(text)
    if cells is None:
        return _reject(line_no, "", "a quoted cell is not closed on its line", line)
    if len(cells) != len(COLUMNS) or (is_cut and not cells[-1]):
        if is_cut:
            return _reject(line_no, "", "the file ends in the middle of this line", line)
        return _reject(line_no, "", f"{len(cells)} cells, must be {len(COLUMNS)}: {','.join(COLUMNS)}", line)
    return _wrong(cells, line_no, line) or cells


def _cells(text: str) -> list[str] | None:
    if '"' not in text:
        return text.split(",")
    try:
        (cells,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError):
        return None
    return cells


def _wrong(cells: Sequence[str], line_no: int, line: bytes) -> Reject | None:
    """What the gateway could not say better: empty cells, control characters, formulas."""
    for column, what in _MUST.items():
        if not cells[COLUMNS.index(column)]:
            return _reject(line_no, column, f"{what} is missing", line)
    if not all(map(str.isprintable, cells)):
        place = next(place for place, cell in enumerate(cells) if not cell.isprintable())
        return _reject(line_no, COLUMNS[place], "a control character stands in it", line)
    if cells[0].startswith(FORMULA_STARTS):
        return _reject(line_no, "charge_id", f"begins with {cells[0][0]!r}: a spreadsheet would run it", line)
    return None


def _reject(line_no: int, column: str, reason: str, line: bytes) -> Reject:
    return Reject(line_no=line_no, column=column, reason=reason, text=line.decode("utf-8", "replace"))


def csv_row(cells: Sequence[str]) -> str:
    """One line of CSV: quoted where needed, no cell that a spreadsheet would run."""
    joined = ",".join(cells)
    if '"' not in joined and joined.count(",") == len(cells) - 1 and not any(map(_is_formula, cells)):
        return joined + "\n"
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([f"'{cell}" if _is_formula(cell) else cell for cell in cells])
    return out.getvalue()


def reject_row(reject: Reject) -> str:
    """The line of the rejects file."""
    return csv_row((str(reject.line_no), reject.column, reject.reason, shown(reject.text)))


def shown(text: str) -> str:
    """A text of the file as it may be printed: one line, no control characters, not too long."""
    line = text.rstrip("\r\n")
    cut = line[:REJECTED_TEXT_MAX] + ("…" if len(line) > REJECTED_TEXT_MAX else "")
    return "".join(letter if letter.isprintable() else "�" for letter in cut)


def _is_formula(cell: str) -> bool:
    return cell.startswith(FORMULA_STARTS)
