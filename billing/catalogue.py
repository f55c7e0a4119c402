"""The partner catalogue and promotions: versions in time, ceilings, the promise a click answers. Pure.

A catalogue is replaced whole; versions of one partner's terms differ in `valid_from`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.money import Kopecks, Micropercent
from billing.records import Reward
from billing.words import Category


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
