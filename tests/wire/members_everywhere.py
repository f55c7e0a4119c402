"""Members of every zone, language and mind about adverts, made through the ledger's own commands."""

from dataclasses import dataclass

from month_population import NOW, CountingIds

from billing.catalogue import Catalogue
from billing.commands import Command, PutSubscriber, RegisterMember, SetAdverts
from billing.decision import Context, Outcome
from billing.programme import Programme
from billing.store import ledger
from billing.words import Channel
from gateway import migrations
from gateway.database import open_engine

ZONES = ("Asia/Vladivostok", "Asia/Yekaterinburg", "Europe/Moscow", "Europe/Kaliningrad")
LANGUAGES = ("ru", "ro", "en")
GROUP = 1_000


@dataclass(frozen=True)
class Member:
    """One of them; of ten one never agreed, one said no on the web, one writes STOP in the night."""

    at: int

    @property
    def msisdn(self) -> str:
        """Its number."""
        return f"7918{self.at:07d}"

    @property
    def zone(self) -> str:
        """Where it is; each tenth of them is everywhere."""
        return ZONES[self.at // 10 % len(ZONES)]

    @property
    def language(self) -> str:
        """What it reads."""
        return LANGUAGES[self.at // 10 % len(LANGUAGES)]

    @property
    def never_agreed(self) -> bool:
        """No consent at registration."""
        return self.at % 10 == 0

    @property
    def said_no(self) -> bool:
        """Refused later."""
        return self.at % 10 == 1

    @property
    def writes_stop(self) -> bool:
        """Refuses by SMS while the campaign waits."""
        return self.at % 10 == 2

    @property
    def wants_it(self) -> bool:
        """None of these."""
        return self.at % 10 > 2

    def commands(self) -> list[Command]:
        """How it became what it is."""
        found: list[Command] = [
            PutSubscriber(msisdn=self.msisdn, time_zone=self.zone, language=self.language),
            RegisterMember(msisdn=self.msisdn, channel=Channel.WEB, accept_terms=True, adverts=not self.never_agreed),
        ]
        if self.said_no:
            found.append(SetAdverts(msisdn=self.msisdn, adverts=False, source="web"))
        return found


def everybody(count: int) -> list[Member]:
    """So many of them."""
    return [Member(at) for at in range(count)]


def populate(url: str, members: list[Member]) -> None:
    """A migrated database with these in it."""
    context = Context(
        now=NOW,
        programme=Programme(),
        catalogue=Catalogue(version="1", partners={}, promos={}),
        ids=CountingIds(),
    )
    commands = [command for member in members for command in member.commands()]
    engine = open_engine(url)
    with engine.begin() as connection:
        migrations.upgrade(connection)
        for at in range(0, len(commands), GROUP):
            for result in ledger.execute(connection, commands[at : at + GROUP], context):
                assert isinstance(result, Outcome), result
    engine.dispose()
