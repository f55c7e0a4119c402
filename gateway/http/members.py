"""Membership: joining, consent, leaving, and the bonus credited on demand."""

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field
from typing_extensions import TypedDict

from billing.answers import AdvertsAnswer, CreditAnswer, LeaveAnswer, MemberAnswer
from billing.commands import CreditOnDemand, LeaveProgramme, RegisterMember, SetAdverts
from billing.money import format_money
from billing.records import Membership
from billing.words import Channel, MembershipState
from gateway.http.auth import Scope
from gateway.http.bodies import Body, or_default, path_msisdn, wire_instant, wire_instant_or_none
from gateway.http.fields import Day, Email, Id, Line, Msisdn
from gateway.http.ports import Ledger, Reads
from gateway.http.queries import Query
from gateway.http.routing import Call, Reply, Route, answer, created

MEMBERS = frozenset({Scope.PROVISIONING, Scope.CARE})


class JoinBody(Body):
    """Who joins, how, and what was accepted."""

    msisdn: Msisdn
    channel: Literal["web", "app", "site", "promo", "ussd", "sms"]
    accept_terms: bool | None = None
    terms_version: Id | None = None
    adverts: bool | None = None
    adverts_text_version: Id | None = None
    form: Literal["login", "full"] | None = None
    full_name: Line | None = None
    birth_date: Day | None = None
    email: Email | None = None


class AdvertsBody(Body):
    """Adverts on or off, said in which channel about which text."""

    adverts: bool
    channel: Literal["web", "app", "site", "contact_centre"] | None = None
    adverts_text_version: Id | None = None


class LeaveQuery(Query):
    """Leaving must be confirmed."""

    channel: Literal["web", "app", "contact_centre", "ussd", "sms"]
    confirm: Literal["true", "false"] = Field("false")


class CreditBody(Body):
    """Bonus to cashback now."""

    credit_id: Id


class JoinedDocument(TypedDict):
    """Who joined."""

    msisdn: str
    membership: str
    joined_at: str
    welcome_bonus: str


class TermsDocument(TypedDict):
    """Accepted terms."""

    version: str | None
    accepted_at: str
    source: str


class AdvertsDocument(TypedDict):
    """Consent to adverts as it stands."""

    on: bool
    version: str | None
    source: str | None
    at: str | None


class MemberDocument(TypedDict):
    """The standing of a subscription in the programme, with what it agreed to."""

    msisdn: str
    membership: str
    joined_at: str | None
    left_at: str | None
    channel: str | None
    form: str | None
    full_name: str | None
    birth_date: str | None
    email: str | None
    terms: TermsDocument | None
    adverts: AdvertsDocument | None


class LeftDocument(TypedDict):
    """The sum that lapsed."""

    lapsed: str


class CreditedDocument(TypedDict):
    """What moved from bonus to cashback."""

    credited: str


def member_to_wire(msisdn: str, one: Membership | None, zone: ZoneInfo) -> MemberDocument:
    """The standing of a subscription; nulls for who never joined."""
    return {
        "msisdn": msisdn,
        "membership": one.state if one else MembershipState.NONE,
        "joined_at": wire_instant(one.joined_at, zone) if one else None,
        "left_at": wire_instant_or_none(one.left_at, zone) if one else None,
        "channel": one.channel if one else None,
        "form": one.form if one else None,
        "full_name": one.full_name if one else None,
        "birth_date": one.birth_date.isoformat() if one and one.birth_date else None,
        "email": one.email if one else None,
        "terms": _terms(one, zone) if one else None,
        "adverts": _adverts(one, zone) if one else None,
    }


def _terms(one: Membership, zone: ZoneInfo) -> TermsDocument:
    return {
        "version": one.terms_version,
        "accepted_at": wire_instant(one.terms_accepted_at, zone),
        "source": one.channel,
    }


def _adverts(one: Membership, zone: ZoneInfo) -> AdvertsDocument:
    return {
        "on": one.adverts,
        "version": one.adverts_text_version,
        "source": one.adverts_source,
        "at": wire_instant_or_none(one.adverts_at, zone),
    }


class Members:
    """The calls about membership. `terms_version` is recorded where a caller names none."""

    def __init__(self, ledger: Ledger, reads: Reads, zone: ZoneInfo, terms_version: str) -> None:
        self._ledger = ledger
        self._reads = reads
        self._zone = zone
        self._terms_version = terms_version

    async def join(self, call: Call) -> Reply:
        """Join the programme."""
        body: JoinBody = call.body
        outcome = await self._ledger.execute(
            RegisterMember(
                msisdn=body.msisdn,
                channel=Channel(body.channel),
                accept_terms=bool(body.accept_terms),
                terms_version=or_default(body.terms_version, self._terms_version),
                adverts=bool(body.adverts),
                adverts_text_version=body.adverts_text_version,
                form=or_default(body.form, "login"),
                full_name=body.full_name,
                birth_date=body.birth_date,
                email=body.email,
            )
        )
        joined = outcome.answer
        assert isinstance(joined, MemberAnswer)  # noqa: S101 - each command has its own answer
        document: JoinedDocument = {
            "msisdn": joined.msisdn,
            "membership": joined.membership.state,
            "joined_at": wire_instant(joined.membership.joined_at, self._zone),
            "welcome_bonus": format_money(joined.welcome_bonus),
        }
        return created(document, hit=outcome.hit)

    async def show(self, call: Call) -> Reply:
        """Membership with consents."""
        view = await self._reads.member(path_msisdn(call))
        return answer(member_to_wire(view.subscription.msisdn, view.membership, self._zone))

    async def set_adverts(self, call: Call) -> Reply:
        """Adverts on or off."""
        body: AdvertsBody = call.body
        msisdn = path_msisdn(call)
        outcome = await self._ledger.execute(
            SetAdverts(
                msisdn=msisdn,
                adverts=body.adverts,
                source=or_default(body.channel, "web"),
                text_version=body.adverts_text_version,
            )
        )
        assert isinstance(outcome.answer, AdvertsAnswer)  # noqa: S101 - as above
        return answer(member_to_wire(msisdn, outcome.answer.membership, self._zone))

    async def leave(self, call: Call) -> Reply:
        """Leave; refused with what lapses unless confirmed."""
        query: LeaveQuery = call.query
        outcome = await self._ledger.execute(
            LeaveProgramme(msisdn=path_msisdn(call), channel=Channel(query.channel), confirm=query.confirm == "true")
        )
        assert isinstance(outcome.answer, LeaveAnswer)  # noqa: S101 - as above
        document: LeftDocument = {"lapsed": format_money(outcome.answer.lapsed)}
        return answer(document)

    async def credit(self, call: Call) -> Reply:
        """Bonus to cashback now."""
        body: CreditBody = call.body
        outcome = await self._ledger.execute(CreditOnDemand(credit_id=body.credit_id, msisdn=path_msisdn(call)))
        assert isinstance(outcome.answer, CreditAnswer)  # noqa: S101 - as above
        document: CreditedDocument = {"credited": format_money(outcome.answer.credited)}
        return created(document, hit=outcome.hit)

    def routes(self) -> list[Route]:
        """Their routes."""
        one = "/v1/members/{msisdn}"
        return [
            Route(
                method="POST",
                path="/v1/members",
                handler=self.join,
                summary="Join the programme",
                scopes=MEMBERS,
                body=JoinBody,
                answers={201: JoinedDocument},
                refusals=(
                    *("UNKNOWN_SUBSCRIBER", "ALREADY_MEMBER", "TERMS_REQUIRED", "FULL_FORM_REQUIRED"),
                    *("BLOCKED_INVESTIGATION", "BLOCKED_MNP", "BLOCKED_FINAL", "NOT_ELIGIBLE"),
                ),
            ),
            Route(
                method="GET",
                path=one,
                handler=self.show,
                summary="Membership with terms and adverts consent",
                scopes=MEMBERS,
                answers={200: MemberDocument},
                refusals=("UNKNOWN_SUBSCRIBER",),
            ),
            Route(
                method="PATCH",
                path=one,
                handler=self.set_adverts,
                summary="Adverts on or off",
                scopes=MEMBERS,
                body=AdvertsBody,
                answers={200: MemberDocument},
                refusals=("UNKNOWN_SUBSCRIBER", "NOT_MEMBER"),
            ),
            Route(
                method="DELETE",
                path=one,
                handler=self.leave,
                summary="Leave the programme; without confirm=true refused with what lapses",
                scopes=MEMBERS,
                query=LeaveQuery,
                answers={200: LeftDocument},
                refusals=("UNKNOWN_SUBSCRIBER", "CONFIRM_LAPSE", "NOT_MEMBER"),
            ),
            Route(
                method="POST",
                path="/v1/members/{msisdn}/credit",
                handler=self.credit,
                summary="Credit the bonus to cashback now",
                scopes=MEMBERS | {Scope.BILLING},
                body=CreditBody,
                answers={201: CreditedDocument, 200: CreditedDocument},
                refusals=("UNKNOWN_SUBSCRIBER", "CONFLICT", "NOT_MEMBER", "NOT_ELIGIBLE", "BLOCKED_INVESTIGATION"),
            ),
        ]
