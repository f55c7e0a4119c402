"""What operators do with messages and links: look, try again, pause, resume, reload."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection

from billing.store import reads
from gateway.database import Transactor
from gateway.http.ports import OutboxQuery
from gateway.links import LinkChanges, Links
from sms.delivery.counters import DeliveryCounters
from sms.delivery.lines import Lines
from sms.outbox import (
    MessagePage,
    MessageView,
    OutboxState,
    Retried,
    SentAgain,
    Wanted,
    browse,
    find_message,
    pause_link,
    paused_links,
    pauses,
    resume_link,
    retry_dead,
    retry_dead_of,
)


class MessageDesk:
    """The outbox as the HTTP door's port asks for it; `queued` is told that something may go.

    Of what is tried again `counters` take those that may be second copies.
    """

    def __init__(
        self,
        database: Transactor,
        *,
        now: Callable[[], datetime],
        queued: Callable[[], None],
        counters: DeliveryCounters,
    ) -> None:
        self._database = database
        self._now = now
        self._counters = counters
        self._queued = queued

    async def browse(self, query: OutboxQuery) -> MessagePage:
        """Messages that fit, newest first; fails with UnknownSubscriber."""
        return await self._database.read(self._browse, query)

    async def find(self, message_id: str) -> MessageView | None:
        """One message."""
        return await self._database.read(lambda one: find_message(one, message_id, self._now()))

    async def retry(self, message_id: str) -> tuple[MessageView | None, bool]:
        """Queue a dead letter again; what it is now, and whether it was one that may go again."""
        found, again = await self._database.transact(self._retry, message_id)
        self._counters.possible_duplicates += again.doubtful
        self._queued()
        return found, again.messages > 0

    async def retry_all(self, kind: str | None, before: int | None, limit: int) -> Retried:
        """Queue many dead letters again."""
        done = await self._database.transact(lambda one: retry_dead_of(one, kind=kind, before=before, limit=limit))
        self._counters.possible_duplicates += done.doubtful
        self._queued()
        return done

    def _browse(self, connection: Connection, query: OutboxQuery) -> MessagePage:
        subscription_id = None
        if query.msisdn is not None:
            subscription_id = reads.subscriber(connection, query.msisdn).subscription.subscription_id
        wanted = Wanted(
            state=None if query.state is None else OutboxState(query.state),
            kind=query.kind,
            subscription_id=subscription_id,
            before=query.before,
            limit=query.limit,
        )
        return browse(connection, wanted, self._now())

    def _retry(self, connection: Connection, message_id: str) -> tuple[MessageView | None, SentAgain]:
        again = retry_dead(connection, [message_id])
        return find_message(connection, message_id, self._now()), again


class LinkDesk:
    """The links as the HTTP door's port asks for them."""

    def __init__(
        self,
        database: Transactor,
        links: Links,
        lines: Lines,
        *,
        wall: Callable[[], datetime],
        reload: Callable[[], Awaitable[LinkChanges]],
    ) -> None:
        self._database = database
        self._links = links
        self._lines = lines
        self._wall = wall
        self._reload = reload

    async def all_links(self) -> Sequence[Mapping[str, object]]:
        """Every link of this process, and since when it is paused."""
        paused = dict(await self._database.read(pauses))
        return [{**one, "paused_since": paused.get(str(one["name"]))} for one in self._links.described()]

    async def pause(self, name: str) -> bool:
        """Let nothing go on this link, in any process; False where this one has no such link."""
        return name in self._links.names and await self._set(lambda one: pause_link(one, name, self._wall()))

    async def resume(self, name: str) -> bool:
        """Let messages go again."""
        return name in self._links.names and await self._set(lambda one: resume_link(one, name))

    async def reload(self) -> Mapping[str, Sequence[str]]:
        """Go by the links of the configuration as they are now; fails with LinksRefused."""
        return asdict(await self._reload())

    async def _set(self, change: Callable[[Connection], None]) -> bool:
        def work(connection: Connection) -> frozenset[str]:
            change(connection)
            return paused_links(connection)

        self._lines.follow(await self._database.transact(work))
        return True
