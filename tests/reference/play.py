"""Both ledgers as a hypothesis state machine: hypothesis chooses what kind of thing happens, a seed which one."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from reference.actions import Actions
from reference.adapter import open_memory
from reference.side_by_side import SideBySide
from sqlalchemy import Connection

seeds = st.integers(0, 2**32)
ACTIONS_OF_A_STRETCH = 5


@cache
def memory() -> Connection:
    """One database for all runs: each is rolled back."""
    return open_memory()


class Play(RuleBasedStateMachine):
    """One run; everything is rolled back after it."""

    latest: ClassVar[SideBySide | None] = None
    operations: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.transaction = memory().begin()
        self.actions: Actions | None = None

    @initialize(seed=seeds)
    def begin(self, seed: int) -> None:
        self.actions = Actions(memory(), Random(seed))
        Play.latest = self.actions.both

    def teardown(self) -> None:
        try:
            if self.actions is not None:
                self.actions.finish()
                Play.operations += len(self.actions.both.trace)
        finally:
            self.transaction.rollback()

    def _at(self, seed: int) -> Actions:
        assert self.actions is not None
        # Hypothesis likes the same small seeds: with the position they mean something else each time.
        self.actions.rng.seed(f"{seed}:{len(self.actions.both.trace)}")
        return self.actions

    @rule(seed=seeds)
    def member(self, seed: int) -> None:
        self._at(seed).member()

    @rule(seed=seeds)
    def earn(self, seed: int) -> None:
        self._at(seed).earn()

    @rule(seed=seeds)
    def tell(self, seed: int) -> None:
        self._at(seed).tell()

    @rule(seed=seeds)
    def spend(self, seed: int) -> None:
        self._at(seed).spend()

    @rule(seed=seeds)
    def promise(self, seed: int) -> None:
        self._at(seed).promise()

    @rule(seed=seeds)
    def again(self, seed: int) -> None:
        self._at(seed).again()

    @rule(seed=seeds)
    def pass_time(self, seed: int) -> None:
        self._at(seed).pass_time()

    @rule(seed=seeds)
    def stretch(self, seed: int) -> None:
        """Some of everything."""
        actions = self._at(seed)
        for _ in range(ACTIONS_OF_A_STRETCH):
            actions.act()
