"""The partner catalogue, its secrets and the tariff plans: kept in the database, the running set in memory too.

Whoever decides does so in a transaction that looked for a newer version at its beginning (`gateway.standing`). What
is asked for outside of one is looked up for those who ask at the same time together.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from billing.catalogue import Catalogue
from billing.money import Kopecks
from billing.records import Tariff
from billing.store import catalogue as stored
from gateway.database import Changer
from gateway.grouping import Grouping
from gateway.http.ports import CatalogueDocument

NO_DOCUMENT = CatalogueDocument(partners=(), promos=())
LOOKS_TOGETHER = 1_000
LOOKS_WAITING_MAX = 20_000


class StoredDirectory:
    """What the HTTP door's Directory port asks for. `is_shared`: another process may put a catalogue, too."""

    def __init__(self, database: Changer, *, now: Callable[[], datetime], is_shared: bool) -> None:
        self._database = database
        self._now = now
        self._is_shared = is_shared
        self._taking = threading.Lock()
        self._memory = _Memory(version=0, running=stored.NOTHING, document=NO_DOCUMENT, secrets={})
        self._looks: Grouping[None, None] = Grouping(
            self._look_for_all, group_max=LOOKS_TOGETHER, waiting_max=LOOKS_WAITING_MAX
        )

    @property
    def running(self) -> Catalogue:
        """The running set; in a transaction it is the newest one."""
        return self._memory.running

    @property
    def is_loaded(self) -> bool:
        """Whether a catalogue was ever put."""
        return bool(self.running.version)

    async def load(self) -> None:
        """Take the running set from the database."""
        self._take(await self._database.read(_load))

    async def stop(self) -> None:
        """Wait until everybody who asked has an answer."""
        await self._looks.stop()

    async def put_tariff(self, code: str, fee: Kopecks) -> None:
        """Create or change a tariff plan."""
        await self._database.transact(stored.put_tariff, Tariff(code=code, fee=fee))

    async def catalogue(self) -> CatalogueDocument:
        """The running set as it was put."""
        await self._look()
        return self._memory.document

    async def put_catalogue(self, document: CatalogueDocument, secrets: Mapping[str, Sequence[str]]) -> None:
        """Replace the whole set; partners that `secrets` does not name keep theirs.

        Raises:
            CeilingBroken, InvalidFigure: the running set stays.
        """
        self._take(await self._database.change(self._install, document, secrets))

    async def secrets(self, partner: str) -> Sequence[str]:
        """The live secrets of a partner, also of one left out of the running set."""
        await self._look()
        return self._memory.secrets.get(partner, ())

    def saw(self, connection: Connection, version: int) -> None:
        """This is the newest version; called from database threads."""
        if version > self._memory.version:
            self._take(_load(connection))

    async def _look(self) -> None:
        if self._is_shared:
            await self._looks.submit(None)

    async def _look_for_all(self, asked: Sequence[None]) -> Sequence[None]:
        await self._database.read(_at_its_beginning)
        return asked

    def _take(self, found: "_Memory") -> None:
        with self._taking:
            if found.version >= self._memory.version:
                self._memory = found

    def _install(
        self, connection: Connection, document: CatalogueDocument, secrets: Mapping[str, Sequence[str]]
    ) -> "_Memory":
        stored.install(connection, document.partners, document.promos, secrets, self._now())
        return _load(connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Memory:
    """One version, whole."""

    version: int
    running: Catalogue
    document: CatalogueDocument
    secrets: Mapping[str, Sequence[str]]


def _at_its_beginning(_connection: Connection) -> None:
    """A transaction that only looks for a newer version, as all do."""


def _load(connection: Connection) -> _Memory:
    running = stored.running(connection)
    partners, promos = stored.document(connection)
    return _Memory(
        version=int(running.version or 0),
        running=running,
        document=CatalogueDocument(partners=partners, promos=promos),
        secrets=stored.secrets_of(connection),
    )
