"""The catalogue in the database: versions, secrets that stay, tariffs."""

from datetime import UTC, datetime

import pytest
from both_databases import Databases
from ledger_world import DOMINO, OZON, QUIZ, partner
from sqlalchemy import Connection

from billing.catalogue import PromoTerms
from billing.errors import CeilingBroken
from billing.records import Tariff
from billing.store import catalogue

NOW = datetime(2025, 3, 3, tzinfo=UTC)
LATER = partner("ozon", "7", valid_from=datetime(2025, 4, 1, tzinfo=UTC), confirm_days=30)
SPRING = PromoTerms(
    code="spring",
    name="Весна",
    percent=9_000_000,
    partner="ozon",
    uncapped=True,
    valid_from=NOW,
    valid_until=NOW.replace(month=5),
)


@pytest.fixture
def connection(databases: Databases) -> Connection:
    return databases.open()


def test_nothing_runs_before_the_first_catalogue(connection: Connection) -> None:
    assert catalogue.running(connection) == catalogue.NOTHING
    assert catalogue.document(connection) == ((), ())
    assert catalogue.secrets_of(connection) == {}


def test_the_newest_version_runs_and_comes_back_as_it_was_put(connection: Connection) -> None:
    first = catalogue.install(connection, [OZON], [QUIZ], {}, NOW)
    second = catalogue.install(connection, [LATER, DOMINO, OZON], [QUIZ, SPRING], {}, NOW)
    assert (first.version, second.version) == ("1", "2")
    assert catalogue.running(connection) == second
    assert catalogue.document(connection) == ((LATER, DOMINO, OZON), (QUIZ, SPRING))
    assert second.partners["ozon"] == (OZON, LATER)


def test_a_catalogue_above_a_ceiling_is_refused_and_the_running_one_stays(connection: Connection) -> None:
    running = catalogue.install(connection, [OZON], [], {"ozon": ["s"]}, NOW)
    with pytest.raises(CeilingBroken):
        catalogue.install(connection, [partner("ozon", "25.01")], [], {"ozon": ["other"]}, NOW)
    assert catalogue.running(connection) == running
    assert catalogue.secrets_of(connection) == {"ozon": ("s",)}


def test_secrets_stay_where_they_are_not_given_also_of_a_partner_left_out(connection: Connection) -> None:
    catalogue.install(connection, [OZON, DOMINO], [], {"ozon": ["a", "b"], "domino": ["d"]}, NOW)
    catalogue.install(connection, [DOMINO], [], {"domino": ["e"]}, NOW)
    assert catalogue.secrets_of(connection) == {"ozon": ("a", "b"), "domino": ("e",)}
    catalogue.install(connection, [DOMINO], [], {"ozon": ["c"]}, NOW)
    assert catalogue.secrets_of(connection) == {"ozon": ("c",), "domino": ("e",)}


def test_a_third_secret_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="3 secrets"):
        catalogue.install(connection, [OZON], [], {"ozon": ["a", "b", "c"]}, NOW)


def test_a_tariff_is_put_and_put_again(connection: Connection) -> None:
    catalogue.put_tariff(connection, Tariff(code="smart", fee=65_000))
    catalogue.put_tariff(connection, Tariff(code="smart", fee=70_000))
    catalogue.put_tariff(connection, Tariff(code="zero", fee=0))
    assert catalogue.tariffs(connection) == (Tariff(code="smart", fee=70_000), Tariff(code="zero", fee=0))
