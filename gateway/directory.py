"""The partner catalogue, its secrets and the tariff plans: kept in the database, the running set in memory."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from billing.catalogue import Catalogue, PartnerTerms, PromoTerms
from billing.money import Kopecks
from billing.records import Tariff
from billing.store import catalogue as stored
from gateway.database import Transactor
from gateway.http.ports import CatalogueDocument


class StoredDirectory:
    """What the HTTP door's Directory port asks for; one process changes it, so memory never lags the database."""

    def __init__(self, database: Transactor, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self.running: Catalogue = stored.NOTHING
        self._document = CatalogueDocument(partners=(), promos=())
        self._secrets: Mapping[str, Sequence[str]] = {}

    @property
    def is_loaded(self) -> bool:
        """Whether a catalogue was ever put."""
        return bool(self.running.version)

    async def load(self) -> None:
        """Take the running set from the database."""
        self._take(*await self._database.read(_load))

    async def put_tariff(self, code: str, fee: Kopecks) -> None:
        """Create or change a tariff plan."""
        await self._database.transact(stored.put_tariff, Tariff(code=code, fee=fee))

    def catalogue(self) -> CatalogueDocument:
        """The running set as it was put."""
        return self._document

    async def put_catalogue(self, document: CatalogueDocument, secrets: Mapping[str, Sequence[str]]) -> None:
        """Replace the whole set; partners that `secrets` does not name keep theirs.

        Raises:
            CeilingBroken, InvalidFigure: the running set stays.
        """
        self._take(*await self._database.transact(_install, document, secrets, self._now()))

    def secrets(self, partner: str) -> Sequence[str]:
        """The live secrets of a partner, also of one left out of the running set."""
        return self._secrets.get(partner, ())

    def _take(self, running: Catalogue, document: CatalogueDocument, secrets: Mapping[str, Sequence[str]]) -> None:
        self.running, self._document, self._secrets = running, document, secrets


_Loaded = tuple[Catalogue, CatalogueDocument, Mapping[str, Sequence[str]]]


def _load(connection: Connection) -> _Loaded:
    partners, promos = stored.document(connection)
    return (
        stored.running(connection),
        CatalogueDocument(partners=partners, promos=promos),
        stored.secrets_of(connection),
    )


def _install(
    connection: Connection, document: CatalogueDocument, secrets: Mapping[str, Sequence[str]], now: datetime
) -> _Loaded:
    partners: Sequence[PartnerTerms] = document.partners
    promos: Sequence[PromoTerms] = document.promos
    running = stored.install(connection, partners, promos, secrets, now)
    return running, document, stored.secrets_of(connection)
