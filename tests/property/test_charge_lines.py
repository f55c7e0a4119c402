"""The short reader of batch lines takes nothing that the door's own reader would not take, and reads it the same."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.http.charge_lines import command_of
from gateway.http.charges import ChargeBody

BODY = TypeAdapter(ChargeBody)
GOOD = {"charge_id": "c-1", "msisdn": "79160000001", "type": "usage", "amount": "1.00"}
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [
            "c-1",
            "c-1\n",
            " c",
            "c ",
            "x" * 64,
            "x" * 65,
            "a b",
            "79160000001",
            "8 916 000-00-01",
            "7916",
            "usage",
            "fee",
        ]
    ),
    st.sampled_from(["1.00", "0.00", "-1.00", "1", "01.00", "999999999999.99", "9999999999999.99", "1.00\n"]),
    st.sampled_from(
        ["2025-03-03T12:00:00+03:00", "2025-03-03T12:00:00", "2025-13-03T12:00:00Z", "1969-01-01T00:00:00Z", ""]
    ),
    st.text(max_size=8),
    st.none(),
    st.booleans(),
    st.integers(),
    st.lists(st.integers(), max_size=2),
)
CHANGES = st.dictionaries(st.sampled_from([*GOOD, "occurred_at", "other"]), VALUES, max_size=3)


@given(
    changes=CHANGES, cut=st.integers(0, 3), ends=st.sampled_from([b"", b"\r", b" ", b"}", b"\xff", b"\xef\xbb\xbf"])
)
@example(changes={"occurred_at": "2025-03-03T12:00:00+03:00"}, cut=0, ends=b"\r")
@example(changes={"charge_id": "\ud800"}, cut=0, ends=b"")
def test_a_line_is_read_the_same_by_both_readers(changes: dict[str, Any], cut: int, ends: bytes) -> None:
    whole = json.dumps(GOOD | changes).encode() + ends
    line = whole[: len(whole) - cut]
    try:
        expected = BODY.validate_json(line).command()
    except ValidationError:
        assert isinstance(command_of(line), bytes)
    else:
        assert command_of(line) == expected


@given(twice=st.sampled_from(["charge_id", "amount"]))
def test_of_a_name_that_comes_twice_both_readers_take_the_last(twice: str) -> None:
    line = json.dumps(GOOD)[:-1] + f', "{twice}": "2.00"}}'
    assert command_of(line.encode()) == BODY.validate_json(line).command()
