"""Operations of the reference ledger in the product's words, and the product's answers back in theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from reference.records import Answer
from reference.rules import Programme, Promo, Terms

from billing import answers, commands, programme
from billing.catalogue import PartnerTerms, PromoTerms
from billing.decision import Outcome
from billing.errors import LedgerRefusal
from billing.money import parse_money
from billing.records import Reward
from billing.words import Block, Category, Channel, ChargeType, Contract, Network, OrderChannel, Rounding

MICRO = 1_000_000
BIRTH = date(1990, 5, 17)


@dataclass
class Words:
    """The product's own click ids and voucher codes, by the ids of the reference ledger."""

    clicks: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)

    def command(self, operation: str, body: Answer) -> commands.Command:
        """The command of an operation."""
        return COMMANDS[operation][0](self, **body)

    def answer(self, operation: str, body: Answer, result: Outcome | LedgerRefusal) -> Answer:
        """Its figures or its refusal's code."""
        if isinstance(result, LedgerRefusal):
            return refusal_answer(result)
        shaped = COMMANDS[operation][1](self, result.answer, body)
        return {**shaped, "hit": True} if result.hit and operation in KEYED else shaped


class OrderedIds:
    """Subscription ids from 1 on, as the reference ledger counts them."""

    def __init__(self) -> None:
        self._subscriptions = self._others = 0

    def subscription_id(self) -> int:
        self._subscriptions += 1
        return self._subscriptions

    def click_id(self) -> str:
        self._others += 1
        return f"click-{self._others}"

    def voucher_code(self) -> str:
        self._others += 1
        return f"CODE{self._others:08d}"


def switches(of: Programme) -> programme.Programme:
    """The product's programme with the same switches."""
    types = of.spend_types
    return programme.Programme(
        zone=ZoneInfo(of.zone),
        main_balance=of.main_balance,  # type: ignore[arg-type]
        welcome_bonus=of.welcome_bonus,
        rounding=Rounding(of.rounding),
        confirm_days_max=of.confirm_days_max,
        returns_after_credit=of.returns_after_credit,  # type: ignore[arg-type]
        leave_credited=of.leave_credited,  # type: ignore[arg-type]
        held_release=of.held_release,  # type: ignore[arg-type]
        offnet_registration=of.offnet_registration,
        rate_at=of.rate_at,  # type: ignore[arg-type]
        click_valid=timedelta(minutes=of.click_valid_minutes),
        credit_on_demand=of.credit_on_demand,
        part_payment=of.part_payment,
        spend_types=frozenset(ChargeType) if types is None else frozenset(ChargeType(one) for one in types),
        monthly_spend_cap=of.monthly_spend_cap,
        voucher_days=of.voucher_days,
    )


def refusal_answer(refusal: LedgerRefusal) -> Answer:
    lapses = refusal.details.get("lapses")
    figures = {name: parse_money(sum_) for name, sum_ in lapses.items()} if isinstance(lapses, dict) else {}
    return {"code": refusal.code, **figures}


def notice_figures(text: str) -> Answer:
    """The figures of a notice from its JSON; a voucher's code is chance."""
    params: Answer = json.loads(text)
    day = params.pop("date", None)
    params.pop("code", None)
    return {**params, "date": None if day is None else date.fromisoformat(day)}


def partner_terms(terms: Terms) -> PartnerTerms:
    percent = None if terms.percent is None else int(terms.percent * MICRO)
    return PartnerTerms(
        code=terms.code,
        name=terms.name,
        category=Category(terms.category),
        reward=Reward(percent=percent, fixed=terms.fixed),
        min_purchase=terms.min_purchase,
        confirm_days=terms.confirm_days,
        app_allowed=terms.app_allowed,
        valid_from=terms.valid_from,
    )


def promo_terms(promo: Promo) -> PromoTerms:
    return PromoTerms(
        code=promo.code,
        name=promo.name,
        amount=promo.amount,
        percent=None if promo.percent is None else int(promo.percent * MICRO),
        partner=promo.partner,
        uncapped=promo.uncapped,
        valid_from=promo.starts,
        valid_until=promo.ends,
    )


def _put_subscriber(_words: Words, msisdn: str, **fields: Any) -> commands.Command:
    kinds: dict[str, Callable[[Any], Any]] = {
        "contract": Contract,
        "network": Network,
        "blocks": lambda blocks: frozenset(Block(one) for one in blocks),
    }
    given = {name: kinds.get(name, lambda same: same)(value) for name, value in fields.items()}
    return commands.PutSubscriber(msisdn=msisdn, **given)


def _join(_words: Words, **body: Any) -> commands.Command:
    full = {"full_name": "Ana Rusu", "birth_date": BIRTH, "email": "ana@example.org"}
    form = full if body.get("form") == "full" else {}
    return commands.RegisterMember(channel=Channel.WEB, **{"accept_terms": True, **body, **form})


def _paid(words: Words, **body: Any) -> commands.Command:
    clicked = body["click_id"]
    real = None if clicked is None else words.clicks.get(clicked, "unknown")
    given = {"delivery": 0, **body, "click_id": real, "channel": OrderChannel(body.get("channel", "web"))}
    return commands.OrderPaid(**given)


def _subscriber_answer(_words: Words, answer: answers.SubscriberAnswer, _body: Answer) -> Answer:
    one = answer.subscription
    return {
        "msisdn": one.msisdn,
        "contract": one.contract.value,
        "network": one.network.value,
        "tariff": one.tariff,
        "blocks": frozenset(block.value for block in one.blocks),
        "credit_limit": answer.credit_limit,
        "membership": answer.membership.value,
    }


def _member_answer(_words: Words, answer: answers.MemberAnswer, _body: Answer) -> Answer:
    joined = answer.membership
    return {
        "membership": joined.state.value,
        "joined_at": joined.joined_at,
        "welcome_bonus": answer.welcome_bonus,
    }


def _click_answer(words: Words, answer: answers.ClickAnswer, body: Answer) -> Answer:
    click = answer.click
    words.clicks[body["click_id"]] = click.click_id
    percent = click.reward.percent
    return {
        "percent": None if percent is None else Fraction(percent, MICRO),
        "fixed": click.reward.fixed,
        "min_purchase": click.min_purchase,
        "valid_until": click.valid_until,
    }


def _order_answer(_words: Words, answer: answers.OrderAnswer, _body: Answer) -> Answer:
    accrual = answer.accrual
    return {
        "order_id": accrual.order_id,
        "state": accrual.state.value,
        "reason": None if accrual.reason is None else accrual.reason.value,
        "reward": accrual.reward,
        "spendable_from": answer.spendable_from,
    }


def _charge_answer(_words: Words, answer: answers.ChargeAnswer, _body: Answer) -> Answer:
    return {
        "cashback": answer.cashback,
        "main": answer.main,
        "unpaid": answer.unpaid,
        "status": answer.status.value,
        "steps": [(step.source.value, step.amount) for step in answer.steps],
    }


def _reservation_answer(_words: Words, answer: answers.ReservationAnswer, body: Answer) -> Answer:
    state = answer.state.value
    if state == "held":
        return {
            "state": state,
            "cashback": answer.cashback,
            "main": answer.main,
            "expires_at": answer.expires_at,
        }
    if state == "committed":
        return {"state": state, "amount": body["amount"], "cashback": answer.cashback, "main": answer.main}
    return {"state": state}


def _voucher_answer(words: Words, answer: answers.VoucherAnswer, body: Answer) -> Answer:
    words.codes[body["voucher_id"]] = answer.code
    if answer.state.value != "issued":
        return {"state": answer.state.value}
    return {"amount": answer.amount, "state": "issued", "valid_until": answer.valid_until}


_Build = Callable[..., commands.Command]
_Shape = Callable[[Words, Any, Answer], Answer]

COMMANDS: dict[str, tuple[_Build, _Shape]] = {
    "put_subscriber": (_put_subscriber, _subscriber_answer),
    "number_change": (lambda _p, **b: commands.ChangeNumber(**b), _subscriber_answer),
    "port_out": (lambda _p, **b: commands.PortOut(**b), lambda _p, a, _b: {"lapsed": a.lapsed}),
    "join": (_join, _member_answer),
    "leave": (
        lambda _p, msisdn, confirm=False: commands.LeaveProgramme(
            msisdn=msisdn, channel=Channel.WEB, confirm=confirm
        ),
        lambda _p, a, _b: {"lapsed": a.lapsed},
    ),
    "patch_adverts": (
        lambda _p, **b: commands.SetAdverts(source="web", **b),
        lambda _p, a, _b: {"adverts": a.membership.adverts},
    ),
    "click": (
        lambda _p, click_id, **b: commands.RecordClick(**b),  # noqa: ARG005  (named by the answer)
        _click_answer,
    ),
    "paid": (_paid, _order_answer),
    "confirmed": (lambda _p, **b: commands.OrderConfirmed(**b), _order_answer),
    "rejected": (lambda _p, **b: commands.OrderRejected(**b), _order_answer),
    "amended": (lambda _p, **b: commands.OrderAmended(**b), _order_answer),
    "returned": (lambda _p, **b: commands.OrderReturned(**b), _order_answer),
    "override": (lambda _p, **b: commands.OverrideAccrual(**{"reason": "care", **b}), _order_answer),
    "promo_credit": (
        lambda _p, **b: commands.CreditPromo(**b),
        lambda _p, a, _b: {"action_id": a.action_id, "state": "accrued", "amount": a.amount},
    ),
    "charge": (lambda _p, type, **b: commands.DrawCharge(type=ChargeType(type), **b), _charge_answer),  # noqa: A006
    "refund": (
        lambda _p, **b: commands.RefundCharge(**b),
        lambda _p, a, _b: {"unpaid": a.unpaid, "main": a.main, "cashback": a.cashback},
    ),
    "topup": (
        lambda _p, **b: commands.TopUp(**b),
        lambda _p, a, _b: {"main": a.main, "settled": [(one.charge_id, one.amount) for one in a.settled]},
    ),
    "reserve": (
        lambda _p, type="usage", expires_in_s=600, **b: commands.Reserve(  # noqa: A006
            type=ChargeType(type), expires_in_s=expires_in_s, **b
        ),
        _reservation_answer,
    ),
    "commit": (lambda _p, **b: commands.CommitReservation(**b), _reservation_answer),
    "release": (lambda _p, **b: commands.ReleaseReservation(**b), _reservation_answer),
    "credit": (lambda _p, **b: commands.CreditOnDemand(**b), lambda _p, a, _b: {"credited": a.credited}),
    "voucher": (lambda _p, **b: commands.IssueVoucher(**b), _voucher_answer),
    "cancel_voucher": (lambda _p, **b: commands.CancelVoucher(**b), _voucher_answer),
    "redeem": (
        lambda p, voucher_id, **b: commands.RedeemVoucher(code=p.codes.get(voucher_id, "NONE"), **b),
        lambda _p, a, _b: {"amount": a.amount, "state": a.state.value},
    ),
}

KEYED = frozenset({"promo_credit", "charge", "refund", "topup", "reserve", "commit", "credit", "voucher", "redeem"})
"""Operations with a caller's id: a repeat is named as one."""
