"""What a verb can end with, each with its exit code: 1 refused or failed, 2 usage, 3 cannot reach.

Messages are read by people: what, where, why and the fix.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

FIXES: Mapping[str, str] = {
    "ALREADY_MEMBER": "nothing to do; see it with: firstcharge member show MSISDN",
    "BLOCKED_FINAL": "lift the block first: firstcharge subscriber put MSISDN --no-blocks",
    "BLOCKED_INVESTIGATION": "lift the block first: firstcharge subscriber put MSISDN --no-blocks",
    "BLOCKED_MNP": "lift the block first: firstcharge subscriber put MSISDN --no-blocks",
    "CEILING": "lower the percent: shop 25, travel 15 and leisure 50 are the limits",
    "CONFIRM_LAPSE": "say that it may lapse: add --confirm",
    "CONFLICT": "this id is known with other figures; use another id",
    "EXCEEDS_CHARGE": "refund no more than was drawn: firstcharge charge show CHARGE_ID",
    "EXCEEDS_PRICE": "ask for no more than the handset costs",
    "FULL_FORM_REQUIRED": "another operator's number needs --form full --full-name --birth-date --email",
    "INSUFFICIENT_FUNDS": "see what there is: firstcharge balance MSISDN",
    "INVALID": "write that value as the message says; the verb's --help shows the others",
    "NOT_ELIGIBLE": "see what this number may do: firstcharge subscriber show MSISDN",
    "NOT_DUE": "the month has not come by the business clock; see: firstcharge clock show",
    "NOT_MEMBER": "join first: firstcharge member join MSISDN --accept-terms",
    "TERMS_REQUIRED": "the terms must be accepted: add --accept-terms",
    "UNKNOWN_CHARGE": "give the id that the charge was drawn with; see: firstcharge ledger statement MSISDN",
    "UNKNOWN_LINK": "see the names: firstcharge link list",
    "UNKNOWN_MESSAGE": "see the ids: firstcharge outbox list --msisdn MSISDN",
    "UNKNOWN_SUBSCRIBER": "make the number known first: firstcharge subscriber put MSISDN",
    "UNKNOWN_TARIFF": "no such tariff; the demo has smart and zero",
    "UNKNOWN_VOUCHER": "give the id that the voucher was issued with",
}

STATUS_FIXES: Mapping[int, str] = {
    401: "give the right key with --key or FIRSTCHARGE_KEY",
    403: "this key lacks the scope; give another one with --key",
    429: "wait a moment and ask again",
    503: "the gateway is starting or overloaded; ask again in a moment",
}


class CliError(Exception):
    """Ends the verb with `exit_code`; `fix` is what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def as_json(self) -> dict[str, Any]:
        """The error for `--json`, on standard error."""
        return {"error": self.message, "fix": self.fix, "exit": self.exit_code}


class Failed(CliError):
    """Something was done and did not end well."""


class BadUsage(CliError):
    """The command line cannot be understood."""

    exit_code = 2


class Unreachable(CliError):
    """Nobody answers at the address."""

    exit_code = 3


class Refused(CliError):
    """The other side answered, and the answer was no; `body` is what it said."""

    def __init__(self, *, status: int, body: Any, where: str) -> None:
        problem = body if isinstance(body, dict) else {}
        code = problem.get("code")
        why = problem.get("detail") or problem.get("title") or "no reason given"
        super().__init__(
            f"refused: {status} {code or ''}".rstrip()
            + f"  {why}{_fields(problem, why)}{_lapses(problem)}  ({where})",
            fix=FIXES.get(str(code)) or STATUS_FIXES.get(status),
        )
        self.status = status
        self.code = code
        self.body = body

    def as_json(self) -> dict[str, Any]:
        """The other side's own words, with ours beside them."""
        return {**super().as_json(), "status": self.status, "code": self.code, "problem": self.body}


def _lapses(problem: Mapping[str, Any]) -> str:
    """What would lapse: who is to confirm it must see it."""
    lapses = problem.get("lapses")
    if not isinstance(lapses, dict):
        return ""
    return "; what lapses: " + ", ".join(f"{name} {amount}" for name, amount in lapses.items())


def _fields(problem: Mapping[str, Any], told: str) -> str:
    """The wrong fields that were not told of yet."""
    errors = problem.get("errors")
    named = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    said = [f"{one.get('field')}: {one.get('detail')}" for one in named if str(one.get("detail")) not in told]
    field = problem.get("field")
    if not named and field:
        said.append(f"field {field}")
    return "".join(f"; {one}" for one in said)
