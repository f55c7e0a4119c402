"""Errors on the wire: RFC 9457 problem documents with the contract's `code` and every wrong field named."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, to_json

from billing.errors import LedgerRefusal
from gateway.http.fields import PATTERNS_SAY

PROBLEM_JSON = b"application/problem+json"

NOT_FOUND_CODES = (
    "UNKNOWN_SUBSCRIBER",
    "UNKNOWN_PARTNER",
    "UNKNOWN_ORDER",
    "UNKNOWN_CHARGE",
    "UNKNOWN_RESERVATION",
    "UNKNOWN_VOUCHER",
    "UNKNOWN_PROMO",
    "UNKNOWN_MESSAGE",
    "UNKNOWN_LINK",
)
CONFLICT_CODES = ("CONFLICT", "ALREADY_MEMBER", "CONFIRM_LAPSE", "EXPIRED", "WRONG_STATE")

STATUS_BY_CODE: Mapping[str, int] = (
    {"INVALID": 400, "UNAUTHORIZED": 401, "NOT_FOUND": 404}
    | dict.fromkeys(NOT_FOUND_CODES, 404)
    | dict.fromkeys(CONFLICT_CODES, 409)
)
"""Every other rule code is 422."""

TITLES: Mapping[int, str] = {
    400: "Malformed request",
    401: "Not authenticated",
    403: "Scope missing",
    404: "Not found",
    405: "Method not allowed",
    408: "Request took too long",
    409: "Conflict",
    413: "Body too large",
    415: "Body is not JSON",
    422: "Refused by a rule",
    429: "Too many requests",
    431: "Request header too large",
    500: "Internal error",
    503: "Try again later",
}
ERRORS_SHOWN_MAX = 50


def status_of(code: str) -> int:
    """The status a code is answered with."""
    return STATUS_BY_CODE.get(code, 422)


class Problem(Exception):
    """A request that is answered with a problem document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        members: Mapping[str, object] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        """`members` are further members of the document, `headers` further headers of the answer."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.members: Mapping[str, object] = members or {}
        self.headers = tuple(headers)

    def document(self) -> bytes:
        """The problem document, JSON."""
        return to_json(
            {
                "type": "about:blank",
                "title": TITLES[self.status],
                "status": self.status,
                "detail": self.detail,
                "code": self.code,
                **self.members,
            }
        )


def invalid(field: str, detail: str) -> Problem:
    """400 for one wrong field."""
    return Problem(400, "INVALID", detail, members={"field": field, "errors": [{"field": field, "detail": detail}]})


def unauthorised() -> Problem:
    """401, the same for a missing, unknown or malformed key."""
    return Problem(401, "UNAUTHORIZED", "a valid key is needed", headers=[(b"WWW-Authenticate", b"Bearer")])


def refused(refusal: LedgerRefusal) -> Problem:
    """The ledger's refusal with the status of its code."""
    members: dict[str, object] = dict(refusal.details)
    if refusal.field is not None:
        members["field"] = refusal.field
        members.setdefault("errors", [{"field": refusal.field, "detail": refusal.detail}])
    return Problem(status_of(refusal.code), refusal.code, refusal.detail, members=members)


def malformed(error: ValidationError, *, is_union: bool = False) -> Problem:
    """400 naming every field that is wrong. `is_union`: the first part of each place is the union's tag, no field."""
    errors = [
        {"field": _field(one, one["loc"][1:] if is_union else one["loc"]), "detail": _detail(one)}
        for one in error.errors(include_url=False, include_input=False)[:ERRORS_SHOWN_MAX]
    ]
    fields = [one["field"] for one in errors if one["field"]]
    members: dict[str, object] = {"errors": errors}
    if len(set(fields)) == 1:
        members["field"] = fields[0]
    detail = "; ".join(f"{one['field']}: {one['detail']}" if one["field"] else one["detail"] for one in errors)
    return Problem(400, "INVALID", detail[:1000], members=members)


def _field(error: ErrorDetails, loc: tuple[int | str, ...]) -> str:
    """`partners[0].percent` of ("partners", 0, "percent"); the discriminator where no member of a union fits."""
    if error["type"].startswith("union_tag"):
        return str(error["ctx"]["discriminator"]).strip("'")
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


def _detail(error: ErrorDetails) -> str:
    context: Mapping[str, Any] = error.get("ctx") or {}
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] == "string_pattern_mismatch":
        return PATTERNS_SAY.get(context["pattern"], error["msg"])
    return error["msg"][:1].lower() + error["msg"][1:]
