"""Look-ups of the HTTP door, on the reading connection: each one function in one snapshot."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from billing.answers import BalanceView, ChargeView, ReservationAnswer, SubscriberAnswer, VoucherView
from billing.programme import Programme
from billing.records import Accrual, Posting
from billing.store import reads
from gateway import ussd_records
from gateway.database import Transactor
from gateway.http.ports import MemberView, UssdPage
from sms.outbox import MessageView, messages_of


class LedgerReads:
    """`now` is the business clock's, asked in a transaction; `records_written` waits for those taken so far."""

    def __init__(
        self,
        database: Transactor,
        *,
        programme: Programme,
        now: Callable[[], datetime],
        records_written: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._programme = programme
        self._now = now
        self._records_written = records_written

    def subscriber(self, msisdn: str) -> "Deferred[SubscriberAnswer]":
        """The subscription of a number; fails with UnknownSubscriber."""
        return self._database.read(reads.subscriber, msisdn)

    def member(self, msisdn: str) -> "Deferred[MemberView]":
        """The subscription of a number with its membership; fails with UnknownSubscriber."""
        return self._database.read(_member, msisdn)

    def balance(self, msisdn: str) -> "Deferred[BalanceView]":
        """Everything about money; fails with UnknownSubscriber."""
        return self._database.read(lambda one: reads.balance(one, msisdn, self._now(), self._programme))

    def statement(
        self, msisdn: str, *, start: datetime | None, end: datetime | None, before: int | None, limit: int
    ) -> "Deferred[tuple[Posting, ...]]":
        """Postings newest first; fails with UnknownSubscriber."""
        return self._database.read(reads.statement, msisdn, start=start, end=end, before=before, limit=limit)

    def accrual(self, partner: str, order_id: str) -> "Deferred[Accrual]":
        """One order; fails with UnknownOrder."""
        return self._database.read(lambda one: reads.accrual(one, partner, order_id, self._now()))

    def accruals(self, msisdn: str) -> "Deferred[tuple[Accrual, ...]]":
        """All orders of a subscription; fails with UnknownSubscriber."""
        return self._database.read(lambda one: reads.accruals(one, msisdn, self._now()))

    def charge(self, charge_id: str) -> "Deferred[ChargeView]":
        """One charge as it stands; fails with UnknownCharge."""
        return self._database.read(reads.charge, charge_id)

    def voucher(self, voucher_id: str) -> "Deferred[VoucherView]":
        """One voucher as it stands; fails with UnknownVoucher."""
        return self._database.read(lambda one: reads.voucher(one, voucher_id, self._now()))

    def reservation(self, reservation_id: str) -> "Deferred[ReservationAnswer]":
        """One reservation as it stands; fails with UnknownReservation."""
        return self._database.read(lambda one: reads.reservation(one, reservation_id, self._now()))

    def messages(self, msisdn: str) -> "Deferred[Sequence[MessageView]]":
        """Messages of a subscription; fails with UnknownSubscriber."""
        return self._database.read(lambda one: _messages(one, msisdn, self._now()))

    async def ussd_records(
        self, *, start: datetime | None, end: datetime | None, cursor: int | None, limit: int
    ) -> UssdPage:
        """Session records, newest first."""
        await self._records_written()
        return await self._database.read(_ussd_page, start, end, cursor, limit)


def _member(connection: Connection, msisdn: str) -> MemberView:
    subscription, membership = reads.member(connection, msisdn)
    return MemberView(subscription=subscription, membership=membership)


def _messages(connection: Connection, msisdn: str, now: datetime) -> Sequence[MessageView]:
    found = reads.subscriber(connection, msisdn)
    return messages_of(connection, found.subscription.subscription_id, now)


def _ussd_page(
    connection: Connection, start: datetime | None, end: datetime | None, cursor: int | None, limit: int
) -> UssdPage:
    items, following = ussd_records.page(connection, since=start, until=end, cursor=cursor, limit=limit)
    return UssdPage(items=items, cursor=following)
