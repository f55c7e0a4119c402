"""The call behind billing files: lines in chunks, answers in order, each wrong line named."""

import json
from typing import Any

import pytest
from http_parts import A, Answer, Door

from billing.errors import UnknownSubscriber

LINE = {
    "charge_id": "c-1",
    "msisdn": A,
    "type": "usage",
    "amount": "1.00",
    "occurred_at": "2025-03-01T10:00:00+03:00",
}


def post(door: Door, *lines: dict[str, Any] | bytes) -> Answer:
    body = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    return door.call("POST", "/v1/bill-lines", body, Content_Type="application/x-ndjson")


def answers(answer: Answer) -> list[Any]:
    assert answer.status == 200
    return [json.loads(one) for one in answer.raw.splitlines()]


@pytest.fixture
def door() -> Door:
    return Door()


def test_every_line_is_answered_in_its_place_and_drawn_once(door: Door) -> None:
    sent = [{**LINE, "charge_id": f"c-{number}"} for number in range(8)]
    found = answers(post(door, *sent[:4], b"not json", *sent[4:], {**LINE, "amount": "-5.00"}))
    assert [one["charge_id"] for one in found] == [
        *(f"c-{n}" for n in range(4)),
        None,
        *(f"c-{n}" for n in range(4, 8)),
        "c-1",
    ]
    assert [line.command.charge_id for line in door.bulk.lines] == [one["charge_id"] for one in sent]
    assert found[0] == {
        "charge_id": "c-0",
        "msisdn": A,
        "amount": "1.00",
        "cashback": "1.00",
        "main": "0.00",
        "unpaid": "0.00",
        "status": "paid",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"charge_id": "x" * 300}, "charge_id"),
        ({"charge_id": "ид"}, "charge_id"),
        ({"msisdn": "12"}, "msisdn"),
        ({"type": "gift"}, "type"),
        ({"amount": "0.00"}, "amount"),
        ({"amount": "-1.00"}, "amount"),
        ({"amount": "1.005"}, "amount"),
        ({"amount": "1000000000000000.00"}, "amount"),
        ({"amount": 1}, "amount"),
        ({"occurred_at": "01.03.2025"}, "occurred_at"),
        ({"occurred_at": "1203-03-01T10:00:00+03:00"}, "occurred_at"),
        ({"note": "x"}, "note"),
    ],
)
def test_a_wrong_value_is_named_with_its_field(door: Door, change: dict[str, Any], field: str) -> None:
    (found,) = answers(post(door, {**LINE, **change}))
    assert found["code"] == "INVALID"
    assert found["detail"].startswith(f"{field}: ")
    assert not door.bulk.lines


def test_a_number_comes_out_as_the_ledger_keeps_it(door: Door) -> None:
    (found,) = answers(post(door, {**LINE, "msisdn": "+7 916 000-00-01", "occurred_at": None}))
    assert found["msisdn"] == A


def test_a_refused_line_keeps_its_figures(door: Door) -> None:
    door.bulk.refusal = UnknownSubscriber("no subscription has this number")
    (found,) = answers(post(door, LINE))
    assert found == {
        "charge_id": "c-1",
        "msisdn": A,
        "amount": "1.00",
        "code": "UNKNOWN_SUBSCRIBER",
        "detail": "no subscription has this number",
    }


def test_nothing_to_draw_is_answered_with_nothing(door: Door) -> None:
    assert answers(post(door, b"\n")) == []
