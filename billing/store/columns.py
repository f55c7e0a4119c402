"""Column types and column builders of the ledger's tables: what keeps floats, naive instants and stray words out."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, MetaData, String, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from billing.words import Block

NAME_LENGTH_MAX = 200
"""Names of people and partners, e-mail addresses, reasons in words."""

MSISDN_LENGTH_MAX = 15
"""ITU-T E.164 §6.2.1."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def only_where(condition: str) -> dict[str, Any]:
    """The arguments of a partial index, on every dialect that has them."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False}
"""SQLite: the table is its primary key's tree, so that one subscription's rows lie together."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

WORD_LENGTH_MAX = 32
"""No word of a closed set is longer."""

ID_LENGTH_MAX = 128
"""Ids that callers give, and the ids made of them."""

BLOCK_BITS: dict[Block, int] = {Block.VOLUNTARY: 1, Block.INVESTIGATION: 2, Block.MNP: 4, Block.FINAL: 8}
"""How a set of blocks is kept in one integer, so that the month job can test one of them."""


@lru_cache(maxsize=1_024)
def to_micros(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z of an aware instant.

    Raises:
        TypeError: the instant is naive.
    """
    return (instant - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC instant of that many microseconds since 1970-01-01T00:00Z."""
    return EPOCH + timedelta(microseconds=micros)


def to_bits(blocks: frozenset[Block]) -> int:
    """The integer that stands for a set of blocks."""
    return sum(BLOCK_BITS[block] for block in blocks)


@lru_cache(maxsize=16)
def from_bits(bits: int) -> frozenset[Block]:
    """The set of blocks an integer stands for."""
    return frozenset(block for block, bit in BLOCK_BITS.items() if bits & bit)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, kept as a BIGINT of microseconds since 1970-01-01T00:00Z."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - theirs
        """To the database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - theirs
        """From the database."""
        return None if value is None else from_micros(value)


class Blocks(TypeDecorator[frozenset[Block]]):
    """A set of blocks, kept as the sum of 1 voluntary, 2 investigation, 4 mnp, 8 final."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: frozenset[Block] | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - theirs
        """To the database."""
        return None if value is None else to_bits(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> frozenset[Block] | None:  # noqa: ARG002 - theirs
        """From the database."""
        return None if value is None else from_bits(value)


SubscriptionId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite keeps a table by its key only when the key's type is spelled INTEGER."""


def subscription_key(comment: str = "Whose row this is", *foreign: Any) -> Column[int]:
    """The leading key column of subscription data; ids are made by the application, never by a sequence."""
    return Column("subscription_id", SubscriptionId, *foreign, primary_key=True, autoincrement=False, comment=comment)


def money(name: str, comment: str, *, nullable: bool = False) -> Column[int]:
    """A sum in kopecks."""
    return Column(name, BigInteger, nullable=nullable, comment=f"{comment}, kopecks")


def count(name: str, comment: str) -> Column[int]:
    """A number of things."""
    return Column(name, BigInteger, nullable=False, comment=comment)


def instant(name: str, comment: str, *, nullable: bool = False, primary_key: bool = False) -> Column[datetime]:
    """An instant, in microseconds UTC."""
    comment = f"{comment}, microseconds since 1970 UTC"
    return Column(name, Instant, nullable=nullable, primary_key=primary_key, autoincrement=False, comment=comment)


def period(name: str, comment: str) -> Column[str]:
    """A month of the operator's zone ("2025-04"), empty where there is none."""
    return Column(name, String(7), nullable=False, comment=comment)


def word(name: str, comment: str, *, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    """One word of a closed set; `only` states the set."""
    return Column(name, String(WORD_LENGTH_MAX), nullable=nullable, primary_key=primary_key, comment=comment)


def text_id(name: str, comment: str, *, primary_key: bool = False) -> Column[str]:
    """An id in characters."""
    return Column(name, String(ID_LENGTH_MAX), nullable=False, primary_key=primary_key, comment=comment)


def only(column: str, words: Iterable[str], name: str) -> CheckConstraint:
    """The rule that a column holds one of these words (or NULL where the column allows it)."""
    return CheckConstraint(" OR ".join(f"{column} = '{one}'" for one in words), name=name)
