"""Lines of `POST /v1/charges/batch` and of billing files to commands, and outcomes to lines, the short way.

What this reader takes, the door's own (`ChargeBody`) takes the same; whatever it does not take is left to that one,
which says what is wrong with it.
"""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from msgspec import DecodeError, Struct
from msgspec.json import Decoder, Encoder
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from typing_extensions import TypedDict

from billing.answers import ChargeAnswer
from billing.commands import DrawCharge
from billing.decision import Outcome
from billing.errors import LedgerRefusal
from billing.money import parse_money
from billing.words import ChargeType
from gateway.http.charges import CHARGE_ID, ChargeBody, charge_to_wire
from gateway.http.fields import parse_instant
from gateway.http.msisdn import normalise
from gateway.http.problems import malformed
from gateway.http.streams import LINE_OCTETS_MAX

_CHARGED: Mapping[str, ChargeType] = {one.value: one for one in ChargeType}
_BODY = TypeAdapter(ChargeBody)


class _Line(Struct, forbid_unknown_fields=True, gc=False):
    charge_id: str
    msisdn: str
    type: str
    amount: str
    occurred_at: str | None = None


_read = Decoder(_Line).decode
_write = Encoder().encode


class RefusedLine(TypedDict):
    """A line that was not drawn; `charge_id` is null where it could not be read."""

    charge_id: str | None
    code: str
    detail: str


def command_of(line: bytes | None) -> DrawCharge | bytes:
    """What a line asks of the ledger, or the answer to a line that is wrong; None was too long a line."""
    if line is None:
        return _refused(None, "INVALID", f"a line is longer than {LINE_OCTETS_MAX} octets")
    try:
        return _command(_read(line))
    except (DecodeError, ValueError, KeyError):
        return _command_slowly(line)


def answer_of(command: DrawCharge, outcome: Outcome | Exception, zone: ZoneInfo) -> bytes:
    """The line that answers a command.

    Raises:
        Exception: what became of it is no answer; the whole batch is to come again.
    """
    if isinstance(outcome, LedgerRefusal):
        return _refused(command.charge_id, outcome.code, outcome.detail)
    if isinstance(outcome, Exception):
        raise outcome
    assert isinstance(outcome.answer, ChargeAnswer)  # noqa: S101 - each command has its own answer
    return _write(charge_to_wire(outcome.answer, zone)) + b"\n"


def _command(line: _Line) -> DrawCharge:
    amount = parse_money(line.amount)
    if amount <= 0 or not CHARGE_ID.fullmatch(line.charge_id):
        raise ValueError("left to the door's own reader")
    return DrawCharge(
        charge_id=line.charge_id,
        msisdn=normalise(line.msisdn),
        type=_CHARGED[line.type],
        amount=amount,
        occurred_at=None if line.occurred_at is None else parse_instant(line.occurred_at),
    )


def _command_slowly(line: bytes) -> DrawCharge | bytes:
    try:
        return _BODY.validate_json(line).command()
    except ValidationError as error:
        return _refused(_charge_id(line), "INVALID", malformed(error).detail)


def _refused(charge_id: str | None, code: str, detail: str) -> bytes:
    line: RefusedLine = {"charge_id": charge_id, "code": code, "detail": detail}
    return _write(line) + b"\n"


def _charge_id(line: bytes) -> str | None:
    """The id of a line that is wrong in something else."""
    try:
        given = from_json(line)
    except ValueError:
        return None
    charge_id = given.get("charge_id") if isinstance(given, dict) else None
    return charge_id if isinstance(charge_id, str) else None
