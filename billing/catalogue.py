"""The partner catalogue and promotions: versions in time, ceilings, the promise a click answers. Pure.

A catalogue is replaced whole; versions of one partner's terms differ in `valid_from`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from billing.errors import CeilingBroken, InvalidFigure, UnknownPartner, UnknownPromo
from billing.money import Kopecks, Micropercent, format_percent
from billing.programme import CEILINGS
from billing.records import Reward
from billing.words import Category

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
"""Codes of partners and promotions: they stand in paths and, before ":" or "/", in references."""

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""Before every instant: where terms without a start stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerTerms:
    """One version of one partner's terms. `valid_from` None: always."""

    code: str
    name: str
    category: Category
    reward: Reward
    min_purchase: Kopecks = 0
    confirm_days: int | None = None
    app_allowed: bool = False
    valid_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoTerms:
    """A promotion: a sum for a target action (`amount`), or a raised percent at one partner or all.

    With neither, each credit names its sum. A percent above the category's ceiling is clipped unless `uncapped`.
    It is in force in [`valid_from`, `valid_until`).
    """

    code: str
    name: str
    amount: Kopecks | None = None
    percent: Micropercent | None = None
    partner: str | None = None
    uncapped: bool = False
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The running catalogue; `version` names it in clicks and accruals. Terms of a partner oldest first."""

    version: str = ""
    partners: Mapping[str, tuple[PartnerTerms, ...]]
    promos: Mapping[str, PromoTerms]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a banner promises at an instant: the reward, raised by `promo` where one is named."""

    reward: Reward
    promo: str | None


def build_catalogue(partners: Sequence[PartnerTerms], promos: Sequence[PromoTerms], version: str) -> Catalogue:
    """A checked catalogue of these versions and promotions, whole or not at all (rule 13).

    Raises:
        CeilingBroken: a percent above its category's ceiling; `field` names the first, `details["errors"]` each.
        InvalidFigure: a malformed code, the same version twice, a reward or promotion with two kinds or none.
    """
    _refuse_broken_ceilings(partners)
    by_code: dict[str, dict[datetime | None, PartnerTerms]] = {}
    for number, terms in enumerate(partners):
        _check_partner(terms, f"partners[{number}]")
        versions = by_code.setdefault(terms.code, {})
        if terms.valid_from in versions:
            raise InvalidFigure(
                f"two versions of {terms.code} start together", field=f"partners[{number}].valid_from"
            )
        versions[terms.valid_from] = terms
    promos_by_code: dict[str, PromoTerms] = {}
    for number, promo in enumerate(promos):
        _check_promo(promo, f"promos[{number}]", by_code)
        if promo.code in promos_by_code:
            raise InvalidFigure(f"two promotions have the code {promo.code}", field=f"promos[{number}].code")
        promos_by_code[promo.code] = promo
    ordered = {code: tuple(sorted(versions.values(), key=_start)) for code, versions in by_code.items()}
    return Catalogue(version=version, partners=ordered, promos=promos_by_code)


def terms_at(catalogue: Catalogue, partner: str, instant: datetime) -> PartnerTerms | None:
    """The version of a partner's terms in force at an instant, None where none is (rule 12)."""
    in_force = None
    for terms in catalogue.partners.get(partner, ()):
        if terms.valid_from is not None and terms.valid_from > instant:
            break
        in_force = terms
    return in_force


def partner_terms(catalogue: Catalogue, partner: str, *instants: datetime) -> PartnerTerms:
    """The version in force at the first of these instants that has one.

    Raises:
        UnknownPartner: no such partner in the running catalogue, or not yet.
    """
    for instant in instants:
        terms = terms_at(catalogue, partner, instant)
        if terms is not None:
            return terms
    raise UnknownPartner("the running catalogue has no such partner")


def promise_at(catalogue: Catalogue, terms: PartnerTerms, instant: datetime) -> Promise:
    """The reward of these terms at an instant, raised by the best promotion then in force (rules 12, 13).

    A promotion raises percents only; it is clipped to the category's ceiling unless it is uncapped.
    """
    percent, raised_by = terms.reward.percent, None
    if percent is None:
        return Promise(reward=terms.reward, promo=None)
    for promo in catalogue.promos.values():
        if promo.percent is None or promo.partner not in (None, terms.code) or not is_promo_in_force(promo, instant):
            continue
        offered = promo.percent if promo.uncapped else min(promo.percent, CEILINGS[terms.category])
        if offered > percent:
            percent, raised_by = offered, promo.code
    return Promise(reward=Reward(percent=percent), promo=raised_by)


def promo_terms(catalogue: Catalogue, promo: str, instant: datetime) -> PromoTerms:
    """A promotion that rewards target actions and is in force at an instant (rule 19).

    Raises:
        UnknownPromo: no such promotion, outside its dates, or one that only raises percents.
    """
    terms = catalogue.promos.get(promo)
    if terms is None or terms.percent is not None or not is_promo_in_force(terms, instant):
        raise UnknownPromo("no such promotion rewards target actions now")
    return terms


def is_promo_in_force(promo: PromoTerms, instant: datetime) -> bool:
    """Whether an instant lies within the promotion's dates; the end does not belong to them."""
    if promo.valid_from is not None and instant < promo.valid_from:
        return False
    return promo.valid_until is None or instant < promo.valid_until


def _refuse_broken_ceilings(partners: Sequence[PartnerTerms]) -> None:
    """Raise CeilingBroken naming every partner above its ceiling (rule 13)."""
    broken = [
        {
            "field": f"partners[{number}].percent",
            "partner": terms.code,
            "limit": format_percent(CEILINGS[terms.category]),
            "detail": (
                f"{terms.name} ({terms.code}): {format_percent(terms.reward.percent)} % is above the ceiling of "
                f"{format_percent(CEILINGS[terms.category])} % for {terms.category.value}"
            ),
        }
        for number, terms in enumerate(partners)
        if terms.reward.percent is not None and terms.reward.percent > CEILINGS[terms.category]
    ]
    if broken:
        first = broken[0]
        details = {"partner": first["partner"], "limit": first["limit"], "errors": broken}
        raise CeilingBroken(first["detail"], field=first["field"], details=details)


def _check_partner(terms: PartnerTerms, field: str) -> None:
    if not CODE.fullmatch(terms.code):
        raise InvalidFigure("a partner's code is letters, digits, dot, dash, underscore", field=f"{field}.code")
    if (terms.reward.percent is None) == (terms.reward.fixed is None):
        raise InvalidFigure("a reward is either a percent or a fixed sum", field=f"{field}.percent")
    if terms.confirm_days is not None and terms.confirm_days < 1:
        raise InvalidFigure("a confirmation limit is at least one day", field=f"{field}.confirm_days")


def _check_promo(promo: PromoTerms, field: str, partners: Mapping[str, object]) -> None:
    if not CODE.fullmatch(promo.code):
        raise InvalidFigure("a promotion's code is letters, digits, dot, dash, underscore", field=f"{field}.code")
    if promo.amount is not None and promo.percent is not None:
        raise InvalidFigure("a promotion has an amount, a percent or neither", field=f"{field}.percent")
    if promo.partner is not None and promo.partner not in partners:
        raise InvalidFigure(f"no partner of this catalogue has the code {promo.partner}", field=f"{field}.partner")
    if promo.valid_from is not None and promo.valid_until is not None and promo.valid_from >= promo.valid_until:
        raise InvalidFigure("a promotion ends after it starts", field=f"{field}.to")


def _start(terms: PartnerTerms) -> datetime:
    """Versions that always were come first, then by their start."""
    return terms.valid_from or BEGINNING
