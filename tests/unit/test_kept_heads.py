"""Heads that were kept, compared with the chain as it is: in any order of exports, each difference named."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.cli.ledger_files import differing_heads

CHAIN = [{"block": block, "head": f"{block:064x}"} for block in range(1, 6)]


class Chain:
    """Remembers where reading began."""

    def __init__(self) -> None:
        self.begun: list[int] = []

    def above(self, block: int) -> Iterator[dict[str, Any]]:
        self.begun.append(block)
        return (one for one in CHAIN if int(str(one["block"])) > block)


def differing(kept: Sequence[dict[str, Any]], chain: Chain) -> list[tuple[str, str]]:
    return list(differing_heads([json.dumps(one).encode() for one in kept], chain.above))


def test_one_export_reads_the_chain_once() -> None:
    chain = Chain()
    assert differing(CHAIN, chain) == []
    assert chain.begun == [0]


def test_exports_one_after_another_are_compared_from_where_each_begins() -> None:
    chain = Chain()
    assert differing([*CHAIN[:3], *CHAIN[1:], *CHAIN], chain) == []
    assert chain.begun == [0, 1, 0]


def test_a_head_of_a_later_export_that_differs_or_is_gone_is_named() -> None:
    other = {"block": 2, "head": "f" * 64}
    gone = {"block": 6, "head": "6" * 64}
    assert differing([*CHAIN, other, gone, CHAIN[4], CHAIN[4]], Chain()) == [
        ("block 2", "has another head"),
        ("block 6", "is gone"),
    ]
