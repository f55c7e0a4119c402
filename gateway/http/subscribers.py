"""Tariffs and subscriptions: what the operator's provisioning calls."""

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, PlainValidator, StringConstraints
from typing_extensions import TypedDict

from billing.answers import LeaveAnswer, SubscriberAnswer
from billing.commands import ChangeNumber, PortOut, PutSubscriber
from billing.money import format_money
from billing.words import Block, Contract, Network
from gateway.http.auth import Scope
from gateway.http.bodies import Body, path_id, path_msisdn
from gateway.http.fields import Id, Msisdn, Sum
from gateway.http.ports import Directory, Erasing, Ledger, Reads
from gateway.http.problems import invalid
from gateway.http.routing import Call, Reply, Route, answer

PROVISIONING = frozenset({Scope.PROVISIONING})
CARE_TOO = frozenset({Scope.PROVISIONING, Scope.CARE, Scope.BILLING})
BLOCKS_MAX = len(Block)

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
_ZONE_LENGTH_MAX = 64


def _zone(value: object) -> str:
    if not isinstance(value, str) or len(value) > _ZONE_LENGTH_MAX or not _ZONE.fullmatch(value):
        raise ValueError("a time zone is a name like Europe/Moscow")
    try:
        return ZoneInfo(value).key
    except (KeyError, OSError, ValueError):
        raise ValueError(f"there is no time zone {value}") from None


class _ZoneNames:
    """Tells the schema every name there is, when it is asked for: reading them takes a while."""

    def __get_pydantic_json_schema__(self, _core: object, _handler: object) -> dict[str, object]:
        return {"type": "string", "enum": sorted(available_timezones())}


Zone = Annotated[str, PlainValidator(_zone), _ZoneNames()]


class TariffBody(Body):
    """A tariff plan."""

    fee: Sum


class TariffDocument(TypedDict):
    """A tariff plan as it stands."""

    code: str
    fee: str


class SubscriberBody(Body):
    """Fields to set; what is left out, or null, keeps its value. The last three are what GET shows, and ignored."""

    contract: Contract | None = None
    network: Network | None = None
    language: Literal["ru", "ro", "en"] | None = None
    tariff: Id | None = None
    blocks: Annotated[list[Block], Field(max_length=BLOCKS_MAX)] | None = None
    imsi: Annotated[str, StringConstraints(pattern=r"^[0-9]{6,15}$")] | None = None
    time_zone: Zone | None = None
    unicode: Literal["cheapest", "strict", "translit"] | None = None
    credit_limit: Sum | None = None
    msisdn: Msisdn | None = None
    subscription_id: Id | None = None
    membership: Literal["none", "active", "left"] | None = None


class NumberChangeBody(Body):
    """The subscription's other number."""

    new_msisdn: Msisdn


class PortedDocument(TypedDict):
    """A subscription whose number went to another operator; `lapsed` of bonus and cashback."""

    msisdn: str
    lapsed: str


class SubscriberDocument(TypedDict):
    """A subscription as it stands."""

    msisdn: str
    subscription_id: str
    contract: str
    network: str
    language: str
    tariff: str | None
    blocks: list[str]
    imsi: str | None
    time_zone: str | None
    unicode: str | None
    credit_limit: str
    membership: str


def subscriber_to_wire(one: SubscriberAnswer) -> SubscriberDocument:
    """A subscription as it stands."""
    subscription = one.subscription
    return {
        "msisdn": subscription.msisdn,
        "subscription_id": str(subscription.subscription_id),
        "contract": subscription.contract,
        "network": subscription.network,
        "language": subscription.language,
        "tariff": subscription.tariff,
        "blocks": sorted(subscription.blocks),
        "imsi": subscription.imsi,
        "time_zone": subscription.time_zone,
        "unicode": subscription.unicode,
        "credit_limit": format_money(one.credit_limit),
        "membership": one.membership,
    }


class Subscribers:
    """The calls of provisioning."""

    def __init__(self, ledger: Ledger, reads: Reads, directory: Directory, erasing: Erasing) -> None:
        self._ledger = ledger
        self._reads = reads
        self._directory = directory
        self._erasing = erasing

    async def put_tariff(self, call: Call) -> Reply:
        """Create or change a tariff plan."""
        body: TariffBody = call.body
        code = path_id(call, "code")
        await self._directory.put_tariff(code, body.fee)
        document: TariffDocument = {"code": code, "fee": format_money(body.fee)}
        return answer(document)

    async def put(self, call: Call) -> Reply:
        """Create or change a subscription."""
        body: SubscriberBody = call.body
        msisdn = path_msisdn(call)
        if body.msisdn not in {None, msisdn}:
            raise invalid("msisdn", "the number in the body is not the one in the path")
        outcome = await self._ledger.execute(
            PutSubscriber(
                msisdn=msisdn,
                contract=body.contract,
                network=body.network,
                language=body.language,
                tariff=body.tariff,
                blocks=None if body.blocks is None else frozenset(body.blocks),
                imsi=body.imsi,
                time_zone=body.time_zone,
                unicode=body.unicode,
                credit_limit=body.credit_limit,
            )
        )
        assert isinstance(outcome.answer, SubscriberAnswer)  # noqa: S101 - each command has its own answer
        return answer(subscriber_to_wire(outcome.answer))

    async def show(self, call: Call) -> Reply:
        """A subscription as it stands."""
        return answer(subscriber_to_wire(await self._reads.subscriber(path_msisdn(call))))

    async def change_number(self, call: Call) -> Reply:
        """Another number; everything moves with it."""
        body: NumberChangeBody = call.body
        outcome = await self._ledger.execute(ChangeNumber(msisdn=path_msisdn(call), new_msisdn=body.new_msisdn))
        assert isinstance(outcome.answer, SubscriberAnswer)  # noqa: S101 - as above
        return answer(subscriber_to_wire(outcome.answer))

    async def port_out(self, call: Call) -> Reply:
        """The number went to another operator."""
        msisdn = path_msisdn(call)
        outcome = await self._ledger.execute(PortOut(msisdn=msisdn))
        assert isinstance(outcome.answer, LeaveAnswer)  # noqa: S101 - as above
        document: PortedDocument = {"msisdn": msisdn, "lapsed": format_money(outcome.answer.lapsed)}
        return answer(document)

    async def erase(self, call: Call) -> Reply:
        """Personal data gone, sums unchanged."""
        return answer(subscriber_to_wire(await self._erasing.erase(path_msisdn(call))))

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(
                method="PUT",
                path="/v1/tariffs/{code}",
                handler=self.put_tariff,
                summary="Create or change a tariff plan",
                scopes=PROVISIONING,
                body=TariffBody,
                answers={200: TariffDocument},
            ),
            Route(
                method="PUT",
                path="/v1/subscribers/{msisdn}",
                handler=self.put,
                summary="Create or change a subscription; omitted fields keep their value",
                scopes=PROVISIONING,
                body=SubscriberBody,
                answers={200: SubscriberDocument},
                refusals=("UNKNOWN_TARIFF", "CONFLICT"),
            ),
            Route(
                method="GET",
                path="/v1/subscribers/{msisdn}",
                handler=self.show,
                summary="A subscription as it stands",
                scopes=CARE_TOO,
                answers={200: SubscriberDocument},
                refusals=("UNKNOWN_SUBSCRIBER",),
            ),
            Route(
                method="POST",
                path="/v1/subscribers/{msisdn}/number-change",
                handler=self.change_number,
                summary="Another number; bonus, cashback, pending rewards and consent move with it",
                scopes=PROVISIONING,
                body=NumberChangeBody,
                answers={200: SubscriberDocument},
                refusals=("UNKNOWN_SUBSCRIBER", "CONFLICT"),
            ),
            Route(
                method="POST",
                path="/v1/subscribers/{msisdn}/port-out",
                handler=self.port_out,
                summary="The number went to another operator; bonus and cashback lapse",
                scopes=PROVISIONING,
                answers={200: PortedDocument},
                refusals=("UNKNOWN_SUBSCRIBER",),
            ),
            Route(
                method="POST",
                path="/v1/subscribers/{msisdn}/erasure",
                handler=self.erase,
                summary="Personal data gone, sums unchanged",
                scopes=PROVISIONING,
                answers={200: SubscriberDocument},
                refusals=("UNKNOWN_SUBSCRIBER",),
            ),
        ]
