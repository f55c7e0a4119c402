"""Advert campaigns to members who consented."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from gateway.http.auth import Scope
from gateway.http.bodies import Body
from gateway.http.fields import Id, Msisdn
from gateway.http.ports import Advertising, Campaign
from gateway.http.routing import Call, Reply, Route, created
from sms.text import preview

ADVERTS = frozenset({Scope.CARE, Scope.OPS})
AUDIENCE_MAX = 10_000
TEXT_LENGTH_MAX = 600
"""Ten segments of Cyrillic hold a little more."""

AdvertText = Annotated[
    str, StringConstraints(min_length=1, max_length=TEXT_LENGTH_MAX, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")
]


class AdvertTexts(Body):
    """The advert in every language; each member gets its own."""

    ru: AdvertText
    ro: AdvertText
    en: AdvertText


class CampaignBody(Body):
    """A campaign. `audience`: `all` members with consent (also where left out), or those of the numbers named."""

    campaign_id: Id
    texts: AdvertTexts
    audience: Literal["all"] | Annotated[list[Msisdn], Field(min_length=1, max_length=AUDIENCE_MAX)] | None = None


class TextCost(TypedDict):
    """What one advert costs as written, and with letters rewritten; `forced_by` are what makes it UCS-2."""

    coding: str
    segments: int
    units: int
    units_left: int
    forced_by: list[str]
    doubled: list[str]
    translit_segments: int


class CampaignDocument(TypedDict):
    """How many adverts a campaign queued, and what one costs in each language over a link that is told nothing."""

    campaign_id: str
    queued: int
    cost: dict[str, TextCost]


class Adverts:
    """The call about adverts."""

    def __init__(self, advertising: Advertising) -> None:
        self._advertising = advertising

    async def queue(self, call: Call) -> Reply:
        """Queue a campaign."""
        body: CampaignBody = call.body
        audience = body.audience if isinstance(body.audience, list) else None
        texts = {"ru": body.texts.ru, "ro": body.texts.ro, "en": body.texts.en}
        queued = await self._advertising.queue(Campaign(campaign_id=body.campaign_id, texts=texts, audience=audience))
        document: CampaignDocument = {
            "campaign_id": body.campaign_id,
            "queued": queued.queued,
            "cost": {language: _cost(text) for language, text in texts.items()},
        }
        return created(document, hit=queued.hit)

    def routes(self) -> list[Route]:
        """Its route."""
        return [
            Route(
                method="POST",
                path="/v1/adverts",
                handler=self.queue,
                summary="Queue an advert for members with consent, each once",
                scopes=ADVERTS,
                body=CampaignBody,
                answers={201: CampaignDocument, 200: CampaignDocument},
                refusals=("CONFLICT",),
            )
        ]


def _cost(text: str) -> TextCost:
    found = preview(text)
    return {
        "coding": found.cost.coding.value,
        "segments": found.cost.segments,
        "units": found.cost.units,
        "units_left": found.cost.units_left,
        "forced_by": list(found.cost.forced_by),
        "doubled": list(found.cost.doubled),
        "translit_segments": found.translit_segments,
    }
