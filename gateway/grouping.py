"""Waiting requests are taken together: one commit for many commands, one query for many look-ups.

While one group is on its way the next one gathers; nothing waits for a timer.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

Item = TypeVar("Item")
Result = TypeVar("Result")


class TooManyWaiting(Exception):
    """More requests wait than the queue takes; nothing was done, try again later."""


class Grouping(Generic[Item, Result]):
    """Hands waiting items to `work` in groups and each result to its own caller.

    `work(items)` answers with one result per item, in order; an exception in a result's place is that caller's
    alone. When `work` itself fails, every item runs again alone, so that one cannot fail its neighbours.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        group_max: int,
        waiting_max: int,
    ) -> None:
        self._work = work
        self._group_max = group_max
        self._waiting_max = waiting_max
        self._waiting: list[tuple[Item, Deferred[Result]]] = []
        self._run: Deferred[None] | None = None
        self._is_running = False

    def submit(self, item: Item) -> "Deferred[Result]":
        """The result of one item; fails with TooManyWaiting at once when the queue is full."""
        answer: Deferred[Result] = Deferred()
        if len(self._waiting) >= self._waiting_max:
            answer.errback(TooManyWaiting(f"{self._waiting_max} requests wait already"))
            return answer
        self._waiting.append((item, answer))
        if not self._is_running:
            self._is_running = True
            self._run = Deferred.fromCoroutine(self._run_all())
        return answer

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

    async def _answer(self, group: list[tuple[Item, "Deferred[Result]"]]) -> None:
        try:
            results = await self._work([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever failed must reach its caller and not stop the queue
            if len(group) == 1:
                group[0][1].errback(error)
                return
            for one in group:
                await self._answer([one])
            return
        for (_, answer), result in zip(group, results, strict=True):
            if isinstance(result, Exception):
                answer.errback(result)
            else:
                answer.callback(result)
