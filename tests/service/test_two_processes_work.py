"""The same work given to two processes at once is done once, and what both count together is right."""

from datetime import timedelta

import pytest_twisted
from ledger_world import CountingIds, World, join
from sqlalchemy import Connection, func, select
from twisted.internet.defer import Deferred, gatherResults
from two_processes import START, Both, Process, both

from billing.commands import Command, DrawCharge, PutSubscriber, SetAdverts, TopUp
from billing.decision import Context, IdSource, Outcome
from billing.store.verify import verify
from billing.words import ChargeType
from gateway import ussd_records
from gateway.campaigns import Campaigns
from gateway.http.ports import Campaign
from gateway.ledger_lane import LedgerLane
from gateway.notices import Timing
from gateway.schema import ussd_record
from sms.outbox import QuietHours, pending_counts
from ussd.records import Outcome as SessionOutcome
from ussd.records import SessionRecord

__all__ = ["both"]

PEOPLE = [f"7916300{number:04d}" for number in range(30)]
RECORDS = 20


def lane_of(process: Process, ids: IdSource) -> LedgerLane:
    world = World()

    def context() -> Context:
        programme, catalogue = world.context.programme, world.context.catalogue
        return Context(now=process.clock.now(), programme=programme, catalogue=catalogue, ids=ids)

    return LedgerLane(process.database, context=context, record=lambda *_: None, committed=lambda _: None)


async def told_both(both: Both, commands: list[Command]) -> list[tuple[Outcome, Outcome]]:
    """Every command to both at once; each one's two outcomes."""
    ids = CountingIds()
    lanes = [lane_of(one, ids) for one in (both.first, both.second)]
    outcomes = await gatherResults([lane.execute(command) for command in commands for lane in lanes])
    return list(zip(outcomes[::2], outcomes[1::2], strict=True))


@pytest_twisted.ensureDeferred
async def test_every_id_sent_to_both_at_once_is_applied_once_and_answered_twice_the_same(both: Both) -> None:
    await told_both(both, [PutSubscriber(msisdn=one) for one in PEOPLE])
    topups: list[Command] = [TopUp(topup_id=f"t{one}", msisdn=one, amount=1_000) for one in PEOPLE]
    charges: list[Command] = [
        DrawCharge(charge_id=f"c{number}", msisdn=PEOPLE[number % 3], type=ChargeType.USAGE, amount=7)
        for number in range(60)
    ]
    for commands in (topups, charges):
        for one, other in await told_both(both, commands):
            assert one.answer == other.answer
            assert {one.hit, other.hit} == {False, True}
    assert (await both.second.database.audit(verify, World().context.programme)).is_ok


@pytest_twisted.ensureDeferred
async def test_a_campaign_queued_through_both_at_once_reaches_everybody_once_and_is_counted_once(both: Both) -> None:
    lane = lane_of(both.first, CountingIds())
    for command in (PutSubscriber, join):
        await gatherResults([lane.execute(command(msisdn=one)) for one in PEOPLE])
    await gatherResults([lane.execute(SetAdverts(msisdn=one, adverts=True, source="web")) for one in PEOPLE])
    campaign = Campaign(campaign_id="spring", texts={"ru": "Весна", "ro": "Primavara", "en": "Spring"}, audience=None)
    zone = World().context.programme.zone

    def timing() -> Timing:
        return Timing(now=START, quiet=QuietHours(), zone=zone)

    doors = [Campaigns(one.database, timing=timing, queued=lambda: None) for one in (both.first, both.second)]
    told = await gatherResults([Deferred.fromCoroutine(one.queue(campaign)) for one in doors])
    assert [one.queued for one in told] == [len(PEOPLE)] * 2
    pending = await both.second.database.read(pending_counts)
    assert pending.by_kind == {"advert": len(PEOPLE)}


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(ussd_record)).scalar_one()


def record(number: int) -> SessionRecord:
    return SessionRecord(
        session_id=f"s{number}",
        began_at=START + timedelta(microseconds=number % 3),
        msisdn="tag",
        code="*100#",
        dialled="*100#",
        trail=("BEGIN",),
        outcome=SessionOutcome.ANSWERED,
        latency_ms=1,
        duration_ms=1,
        octets=1,
    )


@pytest_twisted.ensureDeferred
async def test_session_records_of_the_same_instant_are_all_kept(both: Both) -> None:
    databases = (both.first.database, both.second.database)
    await gatherResults(
        [
            databases[number % 2].transact(ussd_records.append, [record(number), record(number + 100)])
            for number in range(RECORDS)
        ]
    )
    assert await both.first.database.read(count) == 2 * RECORDS
