"""Waiting requests are taken together, each gets its own answer, and one cannot fail its neighbours."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from gateway.grouping import Grouping, TooManyWaiting


class _Work:
    """Answers each group when told to, and remembers the groups."""

    def __init__(self) -> None:
        self.groups: list[list[Any]] = []
        self.waiting: list[Deferred[list[Any]]] = []

    async def __call__(self, items: Sequence[Any]) -> Sequence[Any]:
        self.groups.append(list(items))
        answer: Deferred[list[Any]] = Deferred()
        self.waiting.append(answer)
        return await answer


def _outcome(answer: "Deferred[Any]") -> Any:
    seen: list[Any] = []
    answer.addBoth(seen.append)
    result = seen[0] if seen else "not yet"
    return result.value if isinstance(result, Failure) else result


def test_what_arrives_while_a_group_is_on_its_way_goes_together_in_the_next() -> None:
    work = _Work()
    grouping: Grouping[int, int] = Grouping(work, group_max=10, waiting_max=10)
    answers = [grouping.submit(n) for n in range(4)]
    assert work.groups == [[0]]
    work.waiting[0].callback([0])
    assert work.groups == [[0], [1, 2, 3]]
    work.waiting[1].callback([10, ValueError("mine"), 30])
    assert [type(_outcome(one)).__name__ for one in answers] == ["int", "int", "ValueError", "int"]


def test_a_group_never_exceeds_its_limit() -> None:
    work = _Work()
    grouping: Grouping[int, int] = Grouping(work, group_max=2, waiting_max=10)
    for n in range(4):
        grouping.submit(n)
    work.waiting[0].callback([0])
    assert work.groups[1] == [1, 2]
    work.waiting[1].callback([1, 2])
    work.waiting[2].callback([3])


def test_the_queue_takes_its_limit_and_refuses_one_more_at_once() -> None:
    work = _Work()
    grouping: Grouping[int, int] = Grouping(work, group_max=1, waiting_max=2)
    accepted = [grouping.submit(n) for n in range(3)]  # the first is on its way, two wait
    assert isinstance(_outcome(grouping.submit(3)), TooManyWaiting)
    for n in range(3):
        work.waiting[n].callback([n])
    assert [_outcome(one) for one in accepted] == [0, 1, 2]


def test_when_a_group_fails_each_member_runs_again_alone() -> None:
    tried: list[list[int]] = []

    async def work(items: Sequence[int]) -> Sequence[int]:
        tried.append(list(items))
        await succeed(None)
        if 2 in items:
            raise RuntimeError("poison")
        return [n * 10 for n in items]

    gate: Deferred[None] = Deferred()

    async def gated(items: Sequence[int]) -> Sequence[int]:
        if items == [0]:
            await gate
        return await work(items)

    grouping: Grouping[int, int] = Grouping(gated, group_max=10, waiting_max=10)
    answers = [grouping.submit(n) for n in range(4)]
    gate.callback(None)
    assert tried == [[0], [1, 2, 3], [1], [2], [3]]
    results = [_outcome(one) for one in answers]
    assert results[:2] == [0, 10]
    assert isinstance(results[2], RuntimeError)
    assert results[3] == 30


def test_work_that_answers_at_once_leaves_the_queue_usable() -> None:
    async def work(items: Sequence[int]) -> Sequence[int]:
        return items

    grouping: Grouping[int, int] = Grouping(work, group_max=10, waiting_max=10)
    assert [_outcome(grouping.submit(n)) for n in (1, 2)] == [1, 2]


def test_many_items_have_one_answer_with_a_refusal_in_its_place() -> None:
    work = _Work()
    grouping: Grouping[int, int] = Grouping(work, group_max=2, waiting_max=10)
    answer = grouping.submit_all([1, 2, 3])
    assert work.groups == [[1, 2]]
    work.waiting[0].callback([10, ValueError("mine")])
    assert not answer.called
    work.waiting[1].callback([30])
    first, refused, last = _outcome(answer)
    assert (first, str(refused), last) == (10, "mine", 30)
    assert _outcome(grouping.submit_all([])) == []


def test_many_items_find_room_together_or_not_at_all() -> None:
    work = _Work()
    grouping: Grouping[int, int] = Grouping(work, group_max=1, waiting_max=2)
    assert isinstance(_outcome(grouping.submit_all([1, 2, 3])), TooManyWaiting)
    assert work.groups == []
    grouping.submit_all([1, 2])
    assert work.groups == [[1]]
    for n in range(2):
        work.waiting[n].callback([n])


def test_when_nobody_is_there_to_do_the_work_the_rest_of_a_group_is_told_at_once() -> None:
    work = _Work()
    grouping: Grouping[int, int] = Grouping(
        work, group_max=4, waiting_max=10, is_gone=lambda error: isinstance(error, ConnectionError)
    )
    answers = [grouping.submit(n) for n in range(4)]
    work.waiting[0].callback([0])
    work.waiting[1].errback(ConnectionError("gone"))  # the group of three: its first tries again alone
    work.waiting[2].errback(ValueError("mine"))  # which says nothing about the others
    work.waiting[3].errback(ConnectionError("gone"))
    assert work.groups == [[0], [1, 2, 3], [1], [2]]
    assert [str(_outcome(one)) for one in answers] == ["0", "mine", "gone", "gone"]
