"""The chain of sealed blocks: where it ends, and its heads as an auditor keeps them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from billing import sealing
from billing.money import Kopecks
from billing.store.seal_schema import seal_block

SEAL_LOCK = int.from_bytes(b"fc-seal.", "big")
"""Key of PostgreSQL's advisory lock around the end of the chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """The end of the chain."""

    block_no: int
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A sealed block as an auditor keeps it."""

    block_no: int
    head: str
    postings: int
    amount: Kopecks
    sealed_at: datetime
    key_id: str


def tip(connection: Connection) -> Tip:
    """Where the chain ends."""
    row = connection.execute(
        select(seal_block.c.block_no, seal_block.c.head).order_by(seal_block.c.block_no.desc()).limit(1)
    ).one_or_none()
    return Tip(block_no=0, head=sealing.GENESIS) if row is None else Tip(block_no=row.block_no, head=row.head)


def sealed_with(connection: Connection) -> str | None:
    """Id of the key of the last block; None where nothing is sealed."""
    last = select(seal_block.c.key_id).order_by(seal_block.c.block_no.desc()).limit(1)
    return connection.execute(last).scalar_one_or_none()


def heads(connection: Connection, above: int, limit: int) -> list[Head]:
    """Blocks above a number, in order."""
    block = seal_block.c
    names = ("block_no", "head", "postings", "amount", "sealed_at", "key_id")
    statement = select(*(block[name] for name in names)).where(block.block_no > above).order_by(block.block_no)
    return [Head(**row._asdict()) for row in connection.execute(statement.limit(limit))]
