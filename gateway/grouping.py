"""Waiting requests are taken together: one commit for many commands, one query for many look-ups.

While one group is on its way the next one gathers; nothing waits for a timer.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred

Item = TypeVar("Item")
Result = TypeVar("Result")


class TooManyWaiting(Exception):
    """More requests wait than the queue takes; nothing was done, try again later."""


class Share(Generic[Result]):
    """Results of items that were submitted together, gathered until the last has come."""

    def __init__(self, count: int) -> None:
        self.done: Deferred[list[Result | Exception]] = Deferred()
        self._results: list[Any] = [None] * count
        self._left = count

    def take(self, place: int, result: Result | Exception) -> None:
        """One more result."""
        self._results[place] = result
        self._left -= 1
        if not self._left:
            self.done.callback(self._results)


class Part(Generic[Result]):
    """One item's place in a share; it takes an answer as a Deferred does."""

    __slots__ = ("_place", "_share")

    def __init__(self, share: Share[Result], place: int) -> None:
        self._share = share
        self._place = place

    def callback(self, result: Result) -> None:
        """The item has its result."""
        self._share.take(self._place, result)

    def errback(self, error: Exception) -> None:
        """The item failed, alone."""
        self._share.take(self._place, error)


Answer = Deferred[Result] | Part[Result]


class Grouping(Generic[Item, Result]):
    """Hands waiting items to `work` in groups and each result to its own caller.

    `work(items)` answers with one result per item, in order; an exception in a result's place is that caller's
    alone. When `work` itself fails, every item runs again alone, so that one cannot fail its neighbours; an error
    that `is_gone` knows ends that.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        group_max: int,
        waiting_max: int,
        is_gone: Callable[[Exception], bool] = lambda _error: False,
    ) -> None:
        """`is_gone` says which errors mean that nothing can be done at all for now."""
        self._work = work
        self._is_gone = is_gone
        self._group_max = group_max
        self._waiting_max = waiting_max
        self._waiting: list[tuple[Item, Answer[Result]]] = []
        self._run: Deferred[None] | None = None
        self._is_running = False

    def submit(self, item: Item) -> "Deferred[Result]":
        """The result of one item; fails with TooManyWaiting at once when the queue is full."""
        answer: Deferred[Result] = Deferred()
        if len(self._waiting) >= self._waiting_max:
            answer.errback(TooManyWaiting(f"{self._waiting_max} requests wait already"))
            return answer
        self._waiting.append((item, answer))
        self._go_on()
        return answer

    def submit_all(self, items: Sequence[Item]) -> "Deferred[list[Result | Exception]]":
        """The results of many items in their order, refusals in the places of results; one Deferred for them all.

        Fails with TooManyWaiting at once when not all of them find room.
        """
        share: Share[Result] = Share(len(items))
        if len(self._waiting) + len(items) > self._waiting_max:
            share.done.errback(TooManyWaiting(f"{len(self._waiting)} requests wait already"))
        elif items:
            self._waiting += [(item, Part(share, place)) for place, item in enumerate(items)]
            self._go_on()
        else:
            share.done.callback([])
        return share.done

    def _go_on(self) -> None:
        if not self._is_running:
            self._is_running = True
            self._run = Deferred.fromCoroutine(self._run_all())

    async def stop(self) -> None:
        """Wait until every accepted item has its answer."""
        while self._is_running and self._run is not None:
            await self._run

    async def _run_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._group_max], self._waiting[self._group_max :]
                await self._answer(group)
        finally:
            self._is_running = False

    async def _answer(self, group: "list[tuple[Item, Answer[Result]]]") -> None:
        try:
            results = await self._work([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever failed must reach its caller and not stop the queue
            if len(group) == 1:
                group[0][1].errback(error)
            else:
                await self._answer_each(group)
            return
        for (_, answer), result in zip(group, results, strict=True):
            if isinstance(result, Exception):
                answer.errback(result)
            else:
                answer.callback(result)

    async def _answer_each(self, group: "list[tuple[Item, Answer[Result]]]") -> None:
        """Every item alone; once one finds nobody there to do the work, the rest need not try."""
        gone: Exception | None = None
        for item, answer in group:
            if gone is not None:
                answer.errback(gone)
                continue
            try:
                (result,) = await self._work([item])
            except Exception as error:  # noqa: BLE001 - as above
                gone = error if self._is_gone(error) else None
                result = error
            if isinstance(result, Exception):
                answer.errback(result)
            else:
                answer.callback(result)
