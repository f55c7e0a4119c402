"""Sends the outbox: claims what is due, commits the attempt, submits, stores what came of it.

One loop owns the work. It is woken by a commit (`poke`), by room on a line, and once a second. Per turn it makes one
transaction that claims, renders and commits attempts for as many messages as the lines take in a tenth of a second;
only then are octets written. Answers are stored in groups by the journal; those not stored yet are bounded, and at
the bound nothing more is taken. Several processes may send from one database: see `sms.outbox.senders`.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sms.delivery.asking import Asker
from sms.delivery.counters import DeliveryCounters
from sms.delivery.flight import Flight, Part
from sms.delivery.journal import Journal
from sms.delivery.line import Line
from sms.delivery.lines import Lines
from sms.delivery.looking import Beat, Upkeep, look_after
from sms.delivery.pause import Pause
from sms.delivery.submission import relative_period, submit_sm
from sms.delivery.taking import Batch, Order, Render, Taken, take
from sms.delivery.terms import RECEIPT_MARGIN_S, LinkTerms, SendingTerms, Surroundings
from sms.delivery.turns import Turns
from sms.outbox.claim import Claimant
from sms.outbox.instants import from_micros, micros_of, to_micros
from sms.outbox.model import ServiceClass
from sms.outbox.responses import Settled
from sms.outbox.senders import BEAT_SECONDS, begin, leave, others_send, recover
from sms.outbox.settle import verdict
from sms.outbox.views import has_untried, next_release

__all__ = ["Dispatcher", "LinkTerms", "SendingTerms", "Surroundings"]

POLL_S = 1.0
"""Due work is looked for this often; never one long timer."""
TRY_SECONDS_MAX = 30.0


class Dispatcher:
    """The sender. `render(connection, messages)` gives the texts, in the order of the messages, in its transaction.

    Tell `lines` which links are up and down. `journal` also stores receipts, so that both share commits.
    """

    name = "sms"
    """As a source of due work for the business clock: see `next_due`, `run_due`."""
    _log = Logger()

    def __init__(
        self,
        terms: SendingTerms,
        links: Sequence[LinkTerms],
        surroundings: Surroundings,
        *,
        render: Render,
        counters: DeliveryCounters,
    ) -> None:
        self._terms = terms
        self._around = surroundings
        self._render = render
        self.counters = counters
        self._carriages = {link.name: link.carriage for link in links}
        self._turns = Turns()
        self._policies = {ServiceClass.SERVICE: terms.service, ServiceClass.ADVERT: terms.advert}
        self._pause = Pause(surroundings.clock)
        self._drained = Pause(surroundings.clock)
        self._tries: set[Pause] = set()
        self._loop: Deferred[None] | None = None
        self._is_stopping = False
        self._wants_room = False
        self._open = 0
        self._looked_at: float | None = None
        self._beaten_at = 0.0
        self._lease_s = 0.0
        self.lines = Lines(self._line(link) for link in links)
        self.journal = Journal(
            surroundings.transact,
            clock=surroundings.clock,
            wall=surroundings.wall,
            counters=counters,
            fault=surroundings.fault,
            recorded=self._recorded,
        )

        self._asker = Asker(terms, surroundings, lines=self.lines, journal=self.journal, counters=counters)

    @property
    def unrecorded(self) -> int:
        """Messages taken whose outcome is not stored yet."""
        return self._open

    async def start(self) -> None:
        """Put right what dead processes left in flight, then begin to send."""
        around = self._around
        self._beaten_at = around.clock.seconds()
        self._lease_s = await around.transact(begin, self._terms.owner, around.wall())
        found = await around.transact(recover, around.wall(), self._policies)
        self.counters.in_doubt += found.in_doubt
        self._loop = Deferred.fromCoroutine(self._run())

    async def stop(self, drain_s: float = 8.0) -> None:
        """Take nothing more, wait for answers at most this long, store them; the links must still be up."""
        self._is_stopping = True
        self._pause.end()
        if self._loop is not None:
            await self._loop
        for line in self.lines.all:
            line.give_back()
        deadline = self._around.clock.seconds() + drain_s
        while any(line.in_flight for line in self.lines.all) and self._around.clock.seconds() < deadline:
            await self._drained.wait(deadline - self._around.clock.seconds())
        for line in self.lines.all:
            line.abandon()
        await self._asker.stop()
        await self.journal.stop()
        for one in list(self._tries):
            one.end()
        if self._loop is not None:
            await self._leave()

    def add_link(self, link: LinkTerms) -> None:
        """One more link to send on, once it is bound."""
        self._carriages = {**self._carriages, link.name: link.carriage}
        self.lines.add(self._line(link))

    def retire_link(self, name: str) -> None:
        """Give nothing more to a link; what it wrote may still be answered, the rest goes over others."""
        self.lines.retire(name)

    def poke(self) -> None:
        """Something was queued and committed."""
        self._pause.end()

    async def tried_once(self, until_business: datetime, timeout_s: float = TRY_SECONDS_MAX) -> bool:
        """Wait until every message that may go by this business instant was tried once; False if no link is up.

        Also False after `timeout_s`. A link of another process counts.
        """
        clock = self._around.clock
        deadline = clock.seconds() + timeout_s
        woken = Pause(clock)
        self._tries.add(woken)
        self.poke()
        try:
            while not self._is_stopping and await self._any_up():
                if not await self._around.transact(has_untried, until_business):
                    return True
                left = deadline - clock.seconds()
                if left <= 0:
                    return False
                await woken.wait(min(left, POLL_S))
            return False
        finally:
            self._tries.discard(woken)

    async def next_due(self, until: datetime) -> datetime | None:
        """The earliest business instant after now, up to `until`, at which a queued message may go."""
        business = self._around.business

        def look(connection: Connection) -> datetime | None:
            return next_release(connection, business(connection), until)

        due: datetime | None = await self._around.transact(look)
        return due

    async def run_due(self, at: datetime) -> None:
        """Let everything that may go by this instant be tried once, while the business clock stands at it."""
        await self.tried_once(at)

    async def _leave(self) -> None:
        try:
            await self._around.transact(leave, self._terms.owner)
        except Exception:  # noqa: BLE001 - the dispatcher's border: without a database the lease ends by itself
            self._log.error("the end of sending was not told to others", log_failure=Failure())

    async def _any_up(self) -> bool:
        if self.lines.any_up:
            return True
        is_up: bool = await self._around.transact(others_send, self._terms.owner, self._around.wall())
        return is_up

    # -- the loop

    async def _run(self) -> None:
        while not self._is_stopping:
            try:
                is_busy = await self._turn()
            except Exception:  # noqa: BLE001 - the dispatcher's border: nothing may end the loop
                self._log.error("a turn of the dispatcher failed", log_failure=Failure())
                is_busy = False
            if not is_busy and not self._is_stopping:
                await self._pause.wait(POLL_S)

    async def _turn(self) -> bool:
        """One look at what is due and one batch; whether the next turn may follow at once."""
        await self._look_after()
        shares = self.lines.shares(self._terms.unrecorded_max - self._open)
        self._wants_room = True
        if not shares:
            return False
        around = self._around
        order = Order(
            claimant=self._claimant,
            now_wall=around.wall(),
            shares=[(name, self.lines[name].session_id, share) for name, share in shares.items()],
            weights={name: self.lines[name].weight for name in shares},
            turns=self._turns,
            carriages=self._carriages,
            render=self._render,
            parts_max=self._terms.parts_max,
            fault=around.fault,
        )
        began = around.clock.seconds()
        batch: Batch = await around.transact(take, order)
        for name in shares:
            self.lines[name].refilled_in(around.clock.seconds() - began)
        self._wants_room = batch.may_hold_more
        self.counters.expired += batch.expired
        self.counters.dead += batch.dead + batch.expired
        self._send(batch)
        if batch.expired or batch.postponed or batch.dead:
            self._wake_tries()
        return batch.may_hold_more

    def _claimant(self, connection: Connection) -> Claimant:
        return Claimant(
            owner=self._terms.owner, now_business=self._around.business(connection), quiet=self._terms.quiet
        )

    async def _look_after(self) -> None:
        """Once a second: waits that ended; now and then, that this process lives and whether others do not."""
        now = self._around.clock.seconds()
        if self._looked_at is not None and now - self._looked_at < POLL_S:
            return
        self._looked_at = now
        beat = None
        if now - self._beaten_at >= BEAT_SECONDS:
            beat = Beat(owner=self._terms.owner, lines_up=sum(line.is_up for line in self.lines))
        found: Upkeep = await self._around.transact(look_after, self._around.wall(), self._policies, beat)
        if beat is not None:
            self._beaten_at = now
        if not found.was_leased:
            self._log.warn("others took this process for dead: what it had not written yet is given back")
            for line in self.lines:
                line.give_back()
        self.counters.in_doubt += found.taken_over.in_doubt
        self.counters.possible_duplicates += found.unknown.resent
        self.counters.dead += found.unknown.dead
        self.counters.receipts_forgotten += found.receipts_forgotten
        self.counters.mobile_originated_unfinished += found.parts_unfinished
        self.lines.follow(found.paused)
        await self._asker.look()
        for line in self.lines:
            line.pump()

    def _is_leased(self) -> bool:
        """Whether others still take this process for alive."""
        return self._around.clock.seconds() - self._beaten_at < self._lease_s

    def _send(self, batch: Batch) -> None:
        parts: dict[tuple[str, str], list[Part]] = {}
        for one in batch.taken:
            parts.setdefault((one.link, one.session_id), []).extend(self._parts(one, batch.now_business))
        self._open += len(batch.taken)
        for (link, session_id), of_link in parts.items():
            self.lines[link].add(of_link, session_id)

    def _parts(self, one: Taken, now_business: datetime) -> list[Part]:
        message = one.message
        flight = Flight(message, segments=one.segments, parts=len(one.parts), landed=self._landed)
        self.counters.segments[one.coding] += len(one.parts)
        validity = ""
        if message.expires_at is not None:
            left = from_micros(message.expires_at) - now_business
            validity = relative_period(left)
            flight.validity_s = left.total_seconds()
        return [
            Part(
                flight,
                segment_no=segment.number,
                attempt_no=one.attempt_no,
                pdu=submit_sm(self._terms.sender, message.msisdn, segment, seq=message.seq, validity_period=validity),
            )
            for segment in one.parts
        ]

    def _landed(self, flight: Flight) -> None:
        message = flight.message
        wait_s = self._terms.receipt_wait_s if flight.validity_s is None else flight.validity_s
        now_wall = to_micros(self._around.wall())
        decided = verdict(
            flight.outcomes,
            self._policies[ServiceClass(message.service_class)],
            failures=message.failures,
            now_wall=now_wall,
            rng=self._around.rng,
            ask_at=now_wall + micros_of(wait_s + RECEIPT_MARGIN_S),
        )
        self.journal.settled(
            Settled(
                seq=message.seq,
                msisdn=message.msisdn,
                segments=flight.segments,
                outcomes=flight.outcomes,
                verdict=decided,
            )
        )
        if self._is_stopping:
            self._drained.end()

    def _recorded(self, messages: int) -> None:
        """Stored: their destinations are free, and what was given back may go again."""
        self._open -= messages
        self._pause.end()
        self._wake_tries()

    def _wake_tries(self) -> None:
        for one in list(self._tries):
            one.end()

    def _has_room(self) -> None:
        if self._wants_room:
            self._pause.end()

    def _line(self, link: LinkTerms) -> Line:
        return Line(
            link.name,
            clock=self._around.clock,
            wall=self._around.wall,
            counters=self.counters,
            rate_per_s=link.rate_per_s,
            status_classes=link.status_classes,
            weight=link.weight,
            fault=self._around.fault,
            on_room=self._has_room,
            may_write=self._is_leased,
            may_ask=link.query,
        )
