"""Advert campaigns: queued for members with consent, a few at a time, each member once (rules 37, 39).

How far a campaign came is committed with its messages: asked again after a kill it goes on where it was.
"""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection, Select, insert, select, update
from twisted.internet.defer import DeferredLock

from billing.errors import Conflict
from billing.figures import figures_of
from billing.records import Subscription
from billing.store import rows, schema
from billing.store.columns import to_micros
from billing.store.dialects import among
from billing.words import MembershipState
from gateway.database import Transactor
from gateway.http.ports import Campaign, CampaignQueued
from gateway.notices import Timing, message_for
from gateway.schema import campaign as table
from gateway.texts import NoticeKind
from sms.outbox.model import NewMessage, Priority, ServiceClass
from sms.outbox.queue import enqueue

CHUNK = 500
"""Members looked at in one transaction, so that others go in between."""

_MEMBERS: Select[tuple[object, ...]] = (
    rows.SUBSCRIPTION.select()
    .select_from(schema.subscription.join(schema.membership))
    .where(
        schema.membership.c.state == MembershipState.ACTIVE.value,
        schema.membership.c.adverts.is_(True),
        schema.subscription.c.msisdn != "",
    )
    .order_by(schema.subscription.c.subscription_id)
    .limit(CHUNK)
    .with_for_update(read=True, of=schema.membership)
)
"""Members with consent, in id order; PostgreSQL keeps the consent as it is until the adverts are committed."""

_NAMED = schema.subscription.c.subscription_id.in_(
    select(schema.msisdn_owner.c.subscription_id).where(
        among(schema.msisdn_owner.c.msisdn), schema.msisdn_owner.c.valid_until.is_(None)
    )
)


class Campaigns:
    """`timing()` is as of now, asked in a transaction; `queued()` is called on the reactor after each commit."""

    def __init__(self, database: Transactor, *, timing: Callable[[], Timing], queued: Callable[[], None]) -> None:
        self._database = database
        self._timing = timing
        self._queued = queued
        self._turn = DeferredLock()

    async def queue(self, campaign: Campaign) -> CampaignQueued:
        """Queue a campaign to its end; the same again queues nothing more.

        Raises:
            Conflict: the id is known with other texts or another audience.
        """
        await self._turn.acquire()
        try:
            is_hit = await self._database.transact(self._begin, campaign)
            while not await self._database.transact(self._queue_some, campaign):
                self._queued()
            self._queued()
            count = await self._database.read(_count, campaign.campaign_id)
            return CampaignQueued(queued=count, hit=is_hit)
        finally:
            self._turn.release()

    def _begin(self, connection: Connection, campaign: Campaign) -> bool:
        return _begin(connection, campaign, self._timing())

    def _queue_some(self, connection: Connection, campaign: Campaign) -> bool:
        return _queue_some(connection, campaign, self._timing())


def _begin(connection: Connection, campaign: Campaign, timing: Timing) -> bool:
    """Make the campaign's row; whether it was done before."""
    audience = () if campaign.audience is None else tuple(sorted(set(campaign.audience)))
    texts = (campaign.texts["ru"], campaign.texts["ro"], campaign.texts["en"])
    figures = figures_of(*texts, "all" if campaign.audience is None else "named", *audience)
    known = connection.execute(select(table).where(table.c.campaign_id == campaign.campaign_id)).one_or_none()
    if known is None:
        row = {"campaign_id": campaign.campaign_id, "figures": figures, "created_at": to_micros(timing.now)}
        connection.execute(insert(table).values(**row, cursor=0, queued=0, done=0))
        return False
    if known.figures != figures:
        raise Conflict("this campaign id is known with other texts or another audience")
    return bool(known.done)


def _queue_some(connection: Connection, campaign: Campaign, timing: Timing) -> bool:
    """Queue the adverts of the next members; whether the campaign is done."""
    is_it = table.c.campaign_id == campaign.campaign_id
    stands = select(table.c.cursor, table.c.queued, table.c.done).where(is_it).with_for_update()
    state = connection.execute(stands).one()  # another process may queue the same campaign
    if state.done:
        return True
    members = _MEMBERS.where(schema.subscription.c.subscription_id > state.cursor)
    parameters: dict[str, object] = {}
    if campaign.audience is not None:
        members = members.where(_NAMED)
        parameters["values"] = campaign.audience
    found = [rows.SUBSCRIPTION.record(row) for row in connection.execute(members, parameters).all()]
    queued = enqueue(connection, [_advert(one, campaign, timing) for one in found])
    is_done = len(found) < CHUNK
    connection.execute(
        update(table)
        .where(is_it)
        .values(
            cursor=found[-1].subscription_id if found else state.cursor,
            queued=state.queued + queued,
            done=int(is_done),
        )
    )
    return is_done


def _advert(subscription: Subscription, campaign: Campaign, timing: Timing) -> NewMessage:
    """The advert of one member, in its language; it waits for the end of quiet hours."""
    ref = f"{campaign.campaign_id}:{subscription.subscription_id}"
    params = {"text": campaign.texts[subscription.language]}
    message = message_for(subscription, NoticeKind.ADVERT, ref, params=params, timing=timing)
    return replace(message, service_class=ServiceClass.ADVERT, priority=Priority.ADVERT)


def _count(connection: Connection, campaign_id: str) -> int:
    return int(connection.execute(select(table.c.queued).where(table.c.campaign_id == campaign_id)).scalar_one())
