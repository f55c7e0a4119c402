"""Billing files as CSV: what comes in, what is turned away and how it is said, what goes out."""

import pytest

from gateway.cli.bill_csv import (
    COLUMNS,
    LINE_OCTETS_MAX,
    Reject,
    WrongHeader,
    check_header,
    csv_row,
    read_line,
    reject_row,
)

GOOD = b"c-1,79160000001,usage,10.00,2025-03-01T10:00:00+03:00"
HEADER = ",".join(COLUMNS).encode()


def rejected(line: bytes, line_no: int = 7) -> tuple[str, str]:
    found = read_line(line, line_no)
    assert isinstance(found, Reject)
    assert found.line_no == line_no
    return found.column, found.reason


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_a_header_may_have_a_byte_order_mark_and_either_line_end(start: bytes, end: bytes) -> None:
    check_header(start + HEADER + end)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"", "the file is empty"),
        (b"charge_id,msisdn,type,amount\n", "column occurred_at is missing"),
        (b"charge_id,msisdn,type,amount,occurred_at,note\n", "column note is unknown"),
        (b"msisdn,charge_id,type,amount,occurred_at\n", "another order: msisdn,charge_id"),
        (b"charge_id,msisdn,type,amount,occurred_at,amount\n", "a column stands twice"),
        (b"charge_id;msisdn;type;amount;occurred_at\n", "not separated by commas"),
        (GOOD + b"\n", "column charge_id is missing"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"PK\x03\x04", "workbook"),
        (b"\xff\xfec\x00", "UTF-16"),
        (b"charge_id,\xff\n", "not UTF-8 at octet 11"),
    ],
)
def test_a_wrong_header_is_named_with_what_it_must_be(line: bytes, says: str) -> None:
    with pytest.raises(WrongHeader, match="line 1: ") as refused:
        check_header(line)
    assert says in str(refused.value)
    assert "must be charge_id,msisdn,type,amount,occurred_at" in str(refused.value)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_line_is_its_cells_whatever_ends_it(end: bytes) -> None:
    assert read_line(GOOD + end, 2) == GOOD.decode().split(",")


def test_a_blank_line_is_nothing() -> None:
    assert read_line(b"\r\n", 2) is None


def test_a_quoted_cell_may_hold_commas_and_quotes() -> None:
    found = read_line(b'"c,""1""",79160000001,usage,10.00,\n', 2)
    assert found == ['c,"1"', "79160000001", "usage", "10.00", ""]


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        (b"c-1,79160000001,usage\n", "", "3 cells, must be 5"),
        (b"c-1,79160000001,usage,10.00,2025-03-01T10:00:00Z,more\n", "", "6 cells"),
        (b",79160000001,usage,10.00,\n", "charge_id", "an id is missing"),
        (b"c-1,,usage,10.00,\n", "msisdn", "a number is missing"),
        (b"c-1,79160000001,,10.00,\n", "type", "a type is missing"),
        (b"c-1,79160000001,usage,,\n", "amount", "an amount is missing"),
        (b"c\x00-1,79160000001,usage,10.00,\n", "charge_id", "control character"),
        (b"c-1,79160000001,us\x1bage,10.00,\n", "type", "control character"),
        (b"c-1,79160000001,usage,10.00,\xff\n", "occurred_at", "not UTF-8 at octet 29"),
        (b'"c-1,79160000001,usage,10.00,\n', "", "not closed on its line"),
        (b'2",79160000001,usage,10.00,"x\n', "", "not closed on its line"),
        (b"=cmd|'/C calc'!A0,79160000001,usage,10.00,\n", "charge_id", "a spreadsheet would run it"),
        (b"+1,79160000001,usage,10.00,\n", "charge_id", "begins with '+'"),
        (b"-1,79160000001,usage,10.00,\n", "charge_id", "begins with '-'"),
        (b"@SUM(A1),79160000001,usage,10.00,\n", "charge_id", "begins with '@'"),
        (b"c-1,79160000001,usage,10.0", "", "ends in the middle"),
        (b"c-1,79160000001,usage,10.00,", "", "ends in the middle"),
        (b"c" * (LINE_OCTETS_MAX + 1), "", "longer than 4096 octets"),
    ],
)
def test_a_bad_line_is_named_with_its_column_and_reason(line: bytes, column: str, says: str) -> None:
    found_column, reason = rejected(line)
    assert found_column == column
    assert says in reason


def test_a_number_with_a_plus_comes_in() -> None:
    found = read_line(b"c-1,+7 916 000-00-01,usage,10.00,\n", 2)
    assert isinstance(found, list)
    assert found[1] == "+7 916 000-00-01"


def test_rows_that_go_out_are_quoted_and_never_run() -> None:
    assert csv_row(("c-1", "79160000001", "")) == "c-1,79160000001,\n"
    assert csv_row(('c,"1"', "2")) == '"c,""1""",2\n'
    assert csv_row(("=1+1", "@x", "-5")) == "'=1+1,'@x,'-5\n"


def test_a_reject_shows_its_line_on_one_line_and_harmless() -> None:
    bad = Reject(line_no=9, column="amount", reason="an amount is above 0.00", text='=c\x1b[31m,"1",\x00\r\n')
    assert reject_row(bad) == '9,amount,an amount is above 0.00,"\'=c�[31m,""1"",�"\n'
    long = Reject(line_no=9, column="", reason="long", text="x" * 5_000)
    assert len(reject_row(long)) < 250
