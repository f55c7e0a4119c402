"""Whatever happens in whatever order, and wherever the process is killed: nothing is lost, and a second copy of a
message exists only where one was sent again after an unknown outcome, which was counted."""

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.pool import StaticPool

from sms.outbox import (
    ADVERT_POLICY,
    SERVICE_POLICY,
    Answer,
    Attempt,
    Claimant,
    Claimed,
    Frozen,
    NewMessage,
    NewReceipt,
    OutboxState,
    Priority,
    QuietHours,
    SegmentOutcome,
    ServiceClass,
    Settled,
    Step,
    claim,
    due_unknown,
    enqueue,
    metadata,
    record_attempts,
    record_receipts,
    record_responses,
    recover,
    reference_of,
    release_held,
    unsent_segments,
    verdict,
)
from sms.outbox.instants import to_micros
from sms.outbox.schema import message

NO_QUIET_HOURS = QuietHours(start=QuietHours().end)
LONG = bool(os.environ.get("FIRSTCHARGE_LONG"))
NOON = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
POLICIES = {ServiceClass.SERVICE: SERVICE_POLICY, ServiceClass.ADVERT: ADVERT_POLICY}
AT_REST = {
    OutboxState.ACCEPTED,
    OutboxState.ENROUTE,
    OutboxState.DELIVERED,
    OutboxState.UNDELIVERABLE,
    OutboxState.DEAD,
}

OPERATIONS = (
    "take", "take", "take_and_die", "write", "write", "write", "answer", "answer", "answer_and_die",
    "receipt", "kill", "wait",
)  # fmt: skip


@dataclass
class Flight:
    """What the process remembers of a message in flight; gone when it is killed."""

    message: Claimed
    segments: int
    unwritten: list[int]
    attempt_no: int
    outcomes: list[SegmentOutcome] = field(default_factory=list)
    awaited: list[SegmentOutcome] = field(default_factory=list)


class World:
    """The outbox's store, a process that drives it, and an SMSC that takes what reaches it."""

    def __init__(self, rng: Random, lengths: list[int]) -> None:
        self.rng = rng
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(self.engine)
        self.wall = NOON
        self.flights: list[Flight] = []
        self.copies: Counter[tuple[str, int]] = Counter()
        """Copies of a segment at the SMSC, by message and segment."""
        self.resends: Counter[str] = Counter()
        self.at_smsc: list[tuple[str, Claimed]] = []
        self.segments = {f"m{at}": length for at, length in enumerate(lengths)}
        with self.engine.begin() as connection:
            enqueue(
                connection,
                [
                    NewMessage(
                        message_id=message_id,
                        subscription_id=at % 3,
                        msisdn=str(79160000000 + at % 3),
                        kind="accrued",
                        params="{}",
                        created_at=NOON,
                        not_before=NOON,
                        service_class=ServiceClass.ADVERT if at % 5 == 4 else ServiceClass.SERVICE,
                        priority=Priority.ADVERT if at % 5 == 4 else Priority.NOTICE,
                    )
                    for at, message_id in enumerate(self.segments)
                ],
            )

    def run(self, operation: str) -> None:
        getattr(self, operation)()
        self.check_one_in_flight_per_destination()

    def take(self, *, dies: bool = False) -> None:
        claimant = Claimant(owner="g", now_business=self.wall, quiet=QuietHours(start=QuietHours().end))
        with self.engine.connect() as connection:
            messages = claim(connection, claimant, self.rng.randint(1, 4)).messages
            unsent = unsent_segments(connection, messages)
            flights = []
            for one in messages:
                total = self.segments[one.message_id]
                wanted = unsent.get(one.seq) or list(range(1, total + 1))
                flights.append(Flight(one, total, wanted, one.attempts + 1))
            frozen = [Frozen(one.message.seq, "ru", "Т", "ucs2", one.segments, one.attempt_no) for one in flights]
            attempts = [
                Attempt(seq=one.message.seq, segment_no=no, attempt_no=one.attempt_no, link="sms", session_id="s")
                for one in flights
                for no in one.unwritten
            ]
            record_attempts(connection, frozen, attempts, self.wall)
            if dies:
                connection.rollback()
                self.kill()
                return
            connection.commit()
        self.flights += flights

    def take_and_die(self) -> None:
        self.take(dies=True)

    def write(self) -> None:
        """One segment reaches the SMSC, which takes or refuses it; its answer may be lost."""
        ready = [one for one in self.flights if one.unwritten]
        if not ready:
            return
        flight = self.rng.choice(ready)
        segment_no = flight.unwritten.pop(0)
        answer = self.rng.choices(
            [
                Answer.ACCEPTED,
                Answer.UNKNOWN,
                Answer.THROTTLED,
                Answer.TEMPORARY,
                Answer.NEVER_WRITTEN,
                Answer.PERMANENT,
            ],
            [10, 3, 2, 2, 1, 1],
        )[0]
        self.submit(flight, segment_no, answer, reached=answer is Answer.UNKNOWN and self.rng.random() < 0.7)

    def submit(self, flight: Flight, segment_no: int, answer: Answer, *, reached: bool) -> None:
        smsc_id = None
        if answer is Answer.ACCEPTED or reached:
            self.copies[flight.message.message_id, segment_no] += 1
            smsc_id = f"{len(self.at_smsc) + 1:08X}"
            self.at_smsc.append((smsc_id, flight.message))
        flight.awaited.append(
            SegmentOutcome(
                segment_no=segment_no,
                attempt_no=flight.attempt_no,
                answer=answer,
                status=answer.upper(),
                responded_at=to_micros(self.wall),
                smsc_id=smsc_id if answer is Answer.ACCEPTED else None,
                sequence_no=1,
            )
        )

    def answer(self, *, dies: bool = False) -> None:
        """Some answers arrive; messages that have all of theirs are stored together."""
        for flight in self.flights:
            while flight.awaited and self.rng.random() < 0.7:
                flight.outcomes.append(flight.awaited.pop(self.rng.randrange(len(flight.awaited))))
        landed = [one for one in self.flights if not (one.unwritten or one.awaited)]
        with self.engine.connect() as connection:
            record_responses(connection, [self.settled(one) for one in landed])
            if dies:
                connection.rollback()
                self.kill()
                return
            connection.commit()
        self.flights = [one for one in self.flights if one not in landed]

    def settled(self, flight: Flight) -> Settled:
        one = flight.message
        decided = verdict(
            flight.outcomes,
            POLICIES[ServiceClass(one.service_class)],
            failures=one.failures,
            now_wall=to_micros(self.wall),
            rng=self.rng,
        )
        return Settled(
            seq=one.seq, msisdn=one.msisdn, segments=flight.segments, outcomes=flight.outcomes, verdict=decided
        )

    def answer_and_die(self) -> None:
        self.answer(dies=True)

    def receipt(self) -> None:
        """The SMSC tells of something it has, perhaps again, perhaps before its answer."""
        if not self.at_smsc:
            return
        receipts = []
        for _ in range(self.rng.randint(1, 3)):
            smsc_id, one = self.rng.choice(self.at_smsc)
            receipts.append(
                NewReceipt(
                    link="sms",
                    smsc_id=smsc_id,
                    step=self.rng.choice([Step.ENROUTE, Step.DELIVERED, Step.DELIVERED, Step.UNDELIVERABLE]),
                    source=one.msisdn,
                    umr=reference_of(one.seq) if self.rng.random() < 0.3 else None,
                )
            )
        with self.engine.begin() as connection:
            record_receipts(connection, receipts, self.wall)

    def kill(self) -> None:
        """Everything in memory is gone; what was written may or may not have reached the SMSC."""
        for flight in self.flights:
            for segment_no in flight.unwritten:
                if self.rng.random() < 0.3:
                    self.submit(flight, segment_no, Answer.UNKNOWN, reached=True)
        self.flights = []
        with self.engine.begin() as connection:
            recover(connection, self.wall, POLICIES)

    def wait(self) -> None:
        self.wall += timedelta(seconds=self.rng.choice([1, 30, 130, 2000]))
        before = self.states()
        with self.engine.begin() as connection:
            release_held(connection, self.wall)
            due_unknown(connection, self.wall, POLICIES)
        for message_id, state in self.states().items():
            if before[message_id] is OutboxState.UNKNOWN and state is OutboxState.QUEUED:
                self.resends[message_id] += 1

    def states(self) -> dict[str, OutboxState]:
        with self.engine.connect() as connection:
            rows = connection.execute(select(message.c.message_id, message.c.state))
            return {message_id: OutboxState(state) for message_id, state in rows}

    def check_one_in_flight_per_destination(self) -> None:
        busy = Counter(flight.message.msisdn for flight in self.flights)
        assert all(count == 1 for count in busy.values())

    def finish(self) -> None:
        """A calm network, until nothing moves any more."""
        for _ in range(60):
            self.take()
            for flight in self.flights:
                while flight.unwritten:
                    self.submit(flight, flight.unwritten.pop(0), Answer.ACCEPTED, reached=True)
                flight.outcomes += flight.awaited
                flight.awaited = []
            with self.engine.begin() as connection:
                record_responses(connection, [self.settled(one) for one in self.flights])
            self.flights = []
            self.wait()
            if set(self.states().values()) <= AT_REST:
                return
        raise AssertionError(f"not at rest: {self.states()}")

    def check(self) -> None:
        for (message_id, segment_no), copies in self.copies.items():
            assert copies <= 1 + self.resends[message_id], (message_id, segment_no)
        assert all(count <= 1 for count in self.resends.values())
        for message_id, state in self.states().items():
            if state is not OutboxState.DEAD:
                held = {segment_no for one, segment_no in self.copies if one == message_id}
                assert held == set(range(1, self.segments[message_id] + 1)), (message_id, state)


@settings(max_examples=400 if LONG else 25, deadline=None)
@given(
    lengths=st.lists(st.sampled_from([1, 2, 3]), min_size=2, max_size=8),
    operations=st.lists(st.sampled_from(OPERATIONS), min_size=15, max_size=60),
    seed=st.integers(0, 2**32),
)
def test_every_committed_message_ends_at_the_smsc_or_dead_with_no_copy_that_was_not_counted(
    lengths: list[int], operations: list[str], seed: int
) -> None:
    world = World(Random(seed), lengths)
    for operation in operations:
        world.run(operation)
    world.finish()
    world.check()
    world.engine.dispose()
