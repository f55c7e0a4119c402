"""Subscriptions for the month job's kill test, made through the ledger's own commands in large groups.

What they were told is queued as the gateway does, and stands as delivered: nobody sends it while the month is tested.
"""

from datetime import UTC, datetime
from itertools import chain, count, islice
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import update

from billing.catalogue import Catalogue, PromoTerms
from billing.commands import Command, CreditPromo, PutSubscriber, RegisterMember, TopUp
from billing.decision import Context, Outcome
from billing.programme import Programme
from billing.store import ledger
from billing.words import Channel, Contract
from gateway.database import sqlite_engine
from gateway.notices import Timing, notices_for
from sms.outbox.model import OutboxState
from sms.outbox.queue import enqueue
from sms.outbox.quiet import QuietHours
from sms.outbox.schema import message

NOW = datetime(2025, 3, 10, 12, tzinfo=UTC)
GROUP = 1_000


class CountingIds:
    """Ids in the order of asking."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def subscription_id(self) -> int:
        """The next number, spread out as real ids are."""
        return next(self._numbers) * 1_000

    def click_id(self) -> str:
        """Not asked for."""
        raise AssertionError

    def voucher_code(self) -> str:
        """Not asked for."""
        raise AssertionError


def populate(database: Path, subscriptions: int) -> None:
    """Subscribers with every kind of standing: members, corporate, with and without money, all on tariff smart."""
    promos = {"quiz": PromoTerms(code="quiz", name="Quiz")}
    context = Context(
        now=NOW,
        programme=Programme(),
        catalogue=Catalogue(version="1", partners={}, promos=promos),
        ids=CountingIds(),
    )
    timing = Timing(now=NOW, quiet=QuietHours(), zone=ZoneInfo("Europe/Moscow"))
    engine = sqlite_engine(f"sqlite:///{database}")
    commands = chain.from_iterable(_commands(number) for number in range(subscriptions))
    with engine.connect() as connection:
        while group := list(islice(commands, GROUP)):
            with connection.begin():
                for result in ledger.execute(connection, group, context):
                    assert isinstance(result, Outcome), result
                    enqueue(connection, notices_for(result.events, timing))
        with connection.begin():
            connection.execute(update(message).values(state=OutboxState.DELIVERED.value, text="told", segments=1))
    engine.dispose()


def _commands(number: int) -> list[Command]:
    msisdn = f"7917{number:07d}"
    contract = Contract.CORPORATE if number % 20 == 0 else Contract.INDIVIDUAL
    commands: list[Command] = [PutSubscriber(msisdn=msisdn, tariff="smart", contract=contract)]
    if number % 3:
        commands.append(RegisterMember(msisdn=msisdn, channel=Channel.WEB, accept_terms=True))
        commands.append(CreditPromo(promo="quiz", action_id=f"q-{number}", msisdn=msisdn, amount=number % 90_000 + 1))
    if number % 4:
        commands.append(TopUp(topup_id=f"t-{number}", msisdn=msisdn, amount=number % 100_000 + 1))
    return commands
