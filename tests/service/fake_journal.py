"""A journal behind the HTTP door: a few pieces, two heads, one closed day."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from billing.reconciling import Cashback, DayLine
from billing.store.reconciliation import ClosedDay, DayAccount
from billing.store.seal_chain import Head
from billing.words import Account, PostingKind
from gateway.http.ledger import JournalBusy

SEALED_AT = datetime(2025, 3, 3, 9, tzinfo=UTC)


class FakePieces:
    """Pieces that go out when they are told to."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.is_paused = False
        self.is_stopped = False
        self.is_slow = False
        self.breaks_off = False

    def attach(self, write: Callable[[bytes], None], done: Callable[[bool], None]) -> None:
        self._write, self._done = write, done
        self.resumeProducing()

    def move_one(self) -> None:
        """The client has read what it was sent, and gets one more."""
        self._write(self.pieces.pop(0))

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.is_paused = True

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.is_paused = self.is_slow
        while self.pieces and not self.is_paused:
            self._write(self.pieces.pop(0))
        if not self.pieces:
            self._done(not self.breaks_off)

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.is_stopped = True


class FakeJournal:
    """Remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[datetime | None, datetime | None, str]] = []
        self.pieces = FakePieces(b"subscription_id,entry_no\r\n", b"1,1\r\n")
        self.is_busy = False

    def export(self, start: datetime | None, end: datetime | None, form: str) -> FakePieces:
        if self.is_busy:
            raise JournalBusy
        self.asked.append((start, end, form))
        return self.pieces

    async def heads(self, above: int, limit: int) -> Sequence[Head]:
        made = [
            Head(block_no=number, head=f"{number:064x}", postings=3, amount=600, sealed_at=SEALED_AT, key_id="0" * 16)
            for number in range(above + 1, 1_003)
        ]
        return made[:limit]

    async def closed_days(self, since: str, until: str, limit: int) -> Sequence[ClosedDay]:
        line = DayLine(kind=PostingKind.TOPUP, source=Account.CASH_IN, target=Account.MAIN, postings=2, amount=10_050)
        made = ClosedDay(
            day="2025-03-02",
            closed_at=SEALED_AT,
            block_no=7,
            postings=2,
            moved=10_050,
            cashback=Cashback(issued=5_000, outstanding=5_000),
            imbalance=0,
            accounts=(DayAccount(account=Account.MAIN, opening=0, closing=10_050),),
            lines=(line,),
        )
        return [made][:limit] if since <= made.day < until else []
