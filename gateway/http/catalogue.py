"""The partner catalogue: replaced whole, all or nothing; secrets go in and never come out."""

from typing import Annotated, NotRequired, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator
from typing_extensions import TypedDict

from billing.catalogue import PartnerTerms, PromoTerms, build_catalogue
from billing.money import format_money, format_percent
from billing.records import Reward
from billing.words import Category
from gateway.http.auth import Scope
from gateway.http.bodies import Body, wire_instant_or_none
from gateway.http.fields import Code, Instant, Line, Percent, PositiveSum, Sum
from gateway.http.ports import CatalogueDocument, Directory
from gateway.http.routing import Call, Reply, Route, answer

PARTNERS_MAX = 2000
PROMOS_MAX = 2000
SECRETS_MAX = 2
CONFIRM_DAYS_MAX = 3650

Secret = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
"""A postback secret: printable ASCII. How long it must be is between operator and partner."""


class PartnerBody(Body):
    """One version of one partner's terms: percent or fixed, never both."""

    code: Code
    name: Line
    category: Category
    percent: Percent | None = None
    fixed: PositiveSum | None = None
    min_purchase: Sum | None = None
    confirm_days: Annotated[int, Field(ge=1, le=CONFIRM_DAYS_MAX)] | None = None
    app_allowed: bool | None = None
    valid_from: Instant | None = None
    secrets: Annotated[list[Secret], Field(min_length=1, max_length=SECRETS_MAX)] | None = None

    @model_validator(mode="after")
    def one_reward(self) -> Self:
        """A promise is one or the other."""
        if (self.percent is None) == (self.fixed is None):
            raise ValueError("either percent or fixed")
        return self

    def terms(self) -> PartnerTerms:
        """What the ledger decides with."""
        return PartnerTerms(
            code=self.code,
            name=self.name,
            category=self.category,
            reward=Reward(percent=self.percent, fixed=self.fixed),
            min_purchase=self.min_purchase or 0,
            confirm_days=self.confirm_days,
            app_allowed=bool(self.app_allowed),
            valid_from=self.valid_from,
        )


class PromoBody(Body):
    """A promotion: a sum, a raised percent, or neither (each credit names its sum)."""

    code: Code
    name: Line
    amount: PositiveSum | None = None
    percent: Percent | None = None
    partner: Code | None = None
    uncapped: bool | None = None
    start: Instant | None = Field(None, alias="from")
    end: Instant | None = Field(None, alias="to")

    @model_validator(mode="after")
    def sensible(self) -> Self:
        """One kind of promotion, and an end after its start."""
        if self.amount is not None and self.percent is not None:
            raise ValueError("amount or percent or neither")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("to lies after from")
        return self

    def terms(self) -> PromoTerms:
        """What the ledger decides with."""
        return PromoTerms(
            code=self.code,
            name=self.name,
            amount=self.amount,
            percent=self.percent,
            partner=self.partner,
            uncapped=bool(self.uncapped),
            valid_from=self.start,
            valid_until=self.end,
        )


class CatalogueBody(Body):
    """The whole set."""

    partners: Annotated[list[PartnerBody], Field(max_length=PARTNERS_MAX)]
    promos: Annotated[list[PromoBody], Field(max_length=PROMOS_MAX)] | None = None


class PartnerDocument(TypedDict):
    """One version of one partner's terms, without secrets."""

    code: str
    name: str
    category: str
    percent: NotRequired[str]
    fixed: NotRequired[str]
    min_purchase: str
    confirm_days: int | None
    app_allowed: bool
    valid_from: str | None


PromoDocument = TypedDict(
    "PromoDocument",
    {
        "code": str,
        "name": str,
        "amount": str | None,
        "percent": str | None,
        "partner": str | None,
        "uncapped": bool,
        "from": str | None,
        "to": str | None,
    },
)


class CatalogueAnswer(TypedDict):
    """The running set; may be PUT back unchanged."""

    partners: list[PartnerDocument]
    promos: list[PromoDocument]


class RewardDocument(TypedDict):
    """A promise: percent or fixed."""

    percent: NotRequired[str]
    fixed: NotRequired[str]


def reward_to_wire(reward: Reward) -> RewardDocument:
    """Only the one that is promised."""
    if reward.percent is not None:
        return {"percent": format_percent(reward.percent)}
    return {"fixed": format_money(reward.fixed or 0)}


def partner_to_wire(terms: PartnerTerms, zone: ZoneInfo) -> PartnerDocument:
    """One version of one partner's terms."""
    return {
        "code": terms.code,
        "name": terms.name,
        "category": terms.category,
        **reward_to_wire(terms.reward),
        "min_purchase": format_money(terms.min_purchase),
        "confirm_days": terms.confirm_days,
        "app_allowed": terms.app_allowed,
        "valid_from": wire_instant_or_none(terms.valid_from, zone),
    }


def promo_to_wire(terms: PromoTerms, zone: ZoneInfo) -> PromoDocument:
    """One promotion."""
    return {
        "code": terms.code,
        "name": terms.name,
        "amount": None if terms.amount is None else format_money(terms.amount),
        "percent": None if terms.percent is None else format_percent(terms.percent),
        "partner": terms.partner,
        "uncapped": terms.uncapped,
        "from": wire_instant_or_none(terms.valid_from, zone),
        "to": wire_instant_or_none(terms.valid_until, zone),
    }


def catalogue_to_wire(document: CatalogueDocument, zone: ZoneInfo) -> CatalogueAnswer:
    """The whole set."""
    return {
        "partners": [partner_to_wire(one, zone) for one in document.partners],
        "promos": [promo_to_wire(one, zone) for one in document.promos],
    }


class CatalogueCalls:
    """PUT and GET of the catalogue."""

    def __init__(self, directory: Directory, zone: ZoneInfo) -> None:
        self._directory = directory
        self._zone = zone

    async def put(self, call: Call) -> Reply:
        """Replace the whole set."""
        body: CatalogueBody = call.body
        document = CatalogueDocument(
            partners=[one.terms() for one in body.partners], promos=[one.terms() for one in body.promos or ()]
        )
        build_catalogue(document.partners, document.promos, version="")  # refuses before anything is written
        secrets = {one.code: tuple(one.secrets) for one in body.partners if one.secrets is not None}
        await self._directory.put_catalogue(document, secrets)
        return answer(catalogue_to_wire(await self._directory.catalogue(), self._zone))

    async def show(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """The running set."""
        return answer(catalogue_to_wire(await self._directory.catalogue(), self._zone))

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(
                method="PUT",
                path="/v1/catalogue",
                handler=self.put,
                summary="Replace the whole catalogue, all or nothing",
                scopes=frozenset({Scope.PROVISIONING}),
                body=CatalogueBody,
                answers={200: CatalogueAnswer},
                refusals=("CEILING",),
            ),
            Route(
                method="GET",
                path="/v1/catalogue",
                handler=self.show,
                summary="The running catalogue, without secrets",
                scopes=frozenset({Scope.PROVISIONING, Scope.CARE, Scope.OPS}),
                answers={200: CatalogueAnswer},
            ),
        ]
