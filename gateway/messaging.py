"""The SMS side of one gateway: what sends, what receives, and what the ledger's events queue."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from billing.answers import AdvertsAnswer
from billing.decision import Context, Outcome
from billing.events import MemberLeft, NumberChanged
from gateway.assembly import Ground, build_dispatcher, link_terms
from gateway.keywords import Keywords
from gateway.notices import notices_for
from gateway.rendering import queue_balance
from gateway.settings import LinkSection
from sms.delivery.counters import DeliveryCounters
from sms.inbound import Inbound
from sms.outbox import drop_adverts, enqueue, readdress


class Messaging:
    """`dispatcher` and `inbound` are started and stopped by the composition, in its order."""

    def __init__(self, ground: Ground, *, context: Callable[[], Context]) -> None:
        self._ground = ground
        self.counters = DeliveryCounters()
        self._alphabets = {link.name: link.alphabet for link in ground.settings.links}
        self.dispatcher = build_dispatcher(ground, self.counters)
        self._keywords = Keywords(
            service_number=ground.settings.sms.service_number, context=context, timing=ground.timing
        )
        self.inbound = Inbound(
            self.dispatcher.journal,
            transact=ground.database.transact,
            wall=ground.wall,
            counters=self.counters,
            on_mo=self._keywords.answer,
            committed=self.dispatcher.poke,
            alphabets=self._alphabets,
        )

    def add_link(self, section: LinkSection) -> None:
        """The configuration has one more link."""
        self._alphabets[section.name] = section.alphabet
        if "sms" in section.roles:
            self.dispatcher.add_link(link_terms(section))

    def retire_link(self, section: LinkSection) -> None:
        """A link is about to end."""
        if "sms" in section.roles:
            self.dispatcher.retire_link(section.name)

    def queue_notices(self, connection: Connection, outcomes: Sequence[Outcome], context: Context) -> None:
        """What the ledger decided is told to subscribers, in its transaction."""
        events = [event for outcome in outcomes for event in outcome.events]
        if events:
            enqueue(connection, notices_for(events, self._ground.timing(context.now)))
        for event in events:
            if isinstance(event, NumberChanged):
                readdress(connection, event.subscription.subscription_id, event.subscription.msisdn)
            elif isinstance(event, MemberLeft):
                drop_adverts(connection, event.subscription.subscription_id)
        for outcome in outcomes:
            if isinstance(outcome.answer, AdvertsAnswer) and not outcome.answer.membership.adverts:
                drop_adverts(connection, outcome.answer.membership.subscription_id)

    async def queue_balance(self, msisdn: str, ref: str, latin: bool) -> bool:
        """The balance by SMS, for phones that cannot show it; whether somebody will read it."""

        def queue(connection: Connection) -> bool:
            return queue_balance(connection, msisdn, ref, latin=latin, timing=self._ground.timing())

        is_queued = await self._ground.database.transact(queue)
        self.dispatcher.poke()
        return is_queued
