"""Notices by SMS: a kind and its figures become the text of one language, cut to one segment where possible.

Figures are JSON-ready as the outbox keeps them: sums in kopecks, dates "2025-04-01". Partner names are cut so
that a notice stays in one segment; sums never are.
"""

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from gateway.texts.en import TEXTS as EN
from gateway.texts.forms import full_date, short_date, short_sum
from gateway.texts.ro import TEXTS as RO
from gateway.texts.ru import TEXTS as RU
from sms.text import UnicodeMode, cost_of, prepared

LANGUAGES: Mapping[str, Mapping[str, str]] = {"ru": RU, "ro": RO, "en": EN}

Params = Mapping[str, Any]


class NoticeKind(StrEnum):
    """Kinds of messages, as `GET …/messages` names them."""

    REGISTERED = "registered"
    ACCRUED = "accrued"
    REJECTED = "rejected"
    REVERSED = "reversed"
    CREDITED = "credited"
    BILL = "bill"
    USED_UP = "used_up"
    VOUCHER = "voucher"
    LEFT = "left"
    PORT_OUT = "port_out"
    KEYWORD = "keyword"
    BALANCE = "balance"
    ADVERT = "advert"


class UnknownText(LookupError):
    """No text stands for this kind of message, or its figures do not fit the kind."""


def render(kind: str, params: Params, language: str, mode: UnicodeMode = UnicodeMode.CHEAPEST) -> str:
    """The text of a notice; an advert brings its own, and balances are screens (`gateway.texts.screens`).

    `mode` is the subscriber's: the name is cut against the letters that will really be sent.

    Raises:
        UnknownText: no such kind, or figures of another kind.
    """
    texts = LANGUAGES[language]
    try:
        key, values = _FORMS[kind](params)
        template = texts[key]
        name = params["partner"] if "{partner}" in template else ""
        return _in_one_segment(template, values, name, mode)
    except KeyError as missing:
        raise UnknownText(f"no text for {kind!r} with {sorted(params)}: {missing} is missing") from missing


def _in_one_segment(template: str, values: Mapping[str, str], name: str, mode: UnicodeMode) -> str:
    """The filled template with as much of the name as leaves one segment, at least its first letter."""
    whole = prepared(template.format(partner=name, **values), mode)
    if not name or _fits(whole):
        return whole
    shortest = prepared(template.format(partner=name[0], **values), mode)
    for length in range(len(name) - 1, 0, -1):
        text = prepared(template.format(partner=name[:length].rstrip(), **values), mode)
        if _fits(text):
            return text
    return shortest


def _fits(text: str) -> bool:
    return cost_of(text).segments == 1


def _registered(params: Params) -> tuple[str, dict[str, str]]:
    if not params["amount"]:
        return "registered_again", {}
    return "registered", {"amount": short_sum(params["amount"])}


def _accrued(params: Params) -> tuple[str, dict[str, str]]:
    values = {"amount": short_sum(params["amount"])}
    if params["date"] is None:
        return "accrued_handset", values
    return "accrued", values | {"date": short_date(date.fromisoformat(params["date"]))}


def _voucher(params: Params) -> tuple[str, dict[str, str]]:
    day = full_date(date.fromisoformat(params["date"]))
    return "voucher", {"amount": short_sum(params["amount"]), "code": params["code"], "date": day}


def _keyword(params: Params) -> tuple[str, dict[str, str]]:
    answer = params["answer"]
    if answer not in {"adverts_on", "adverts_off", "not_member"}:
        raise KeyError(answer)
    return answer, {}


def _sums(template: str, *names: str) -> Callable[[Params], tuple[str, dict[str, str]]]:
    def form(params: Params) -> tuple[str, dict[str, str]]:
        return template, {name: short_sum(params[name]) for name in names}

    return form


_FORMS: Mapping[str, Callable[[Params], tuple[str, dict[str, str]]]] = {
    NoticeKind.REGISTERED: _registered,
    NoticeKind.ACCRUED: _accrued,
    NoticeKind.REJECTED: _sums("rejected", "amount"),
    NoticeKind.REVERSED: _sums("reversed", "amount"),
    NoticeKind.CREDITED: _sums("credited", "amount"),
    NoticeKind.BILL: _sums("bill", "amount", "cashback", "main"),
    NoticeKind.USED_UP: _sums("used_up"),
    NoticeKind.VOUCHER: _voucher,
    NoticeKind.LEFT: _sums("left", "amount"),
    NoticeKind.PORT_OUT: _sums("port_out", "amount"),
    NoticeKind.KEYWORD: _keyword,
}
