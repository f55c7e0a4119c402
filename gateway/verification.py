"""Verification beside the traffic: range after range on the auditor's connection, each its own snapshot.

Nobody waits for it and it keeps nothing open: between two ranges others of the auditor's work goes in between.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import Connection

from billing import sealing
from billing.programme import Programme
from billing.store.verify import VIOLATIONS_MAX, verify_range
from billing.store.verify_seals import uncovered, verify_blocks
from billing.store.verify_whole import FeeSums, add_fees, finished_months, whole_checks
from billing.store.violations import Verification, Violation
from gateway.database import Database
from gateway.http.ports import Verdict
from gateway.seal_key import SealKey
from gateway.verify_notices import notice_violations


class Verifier:
    """Checks everything there is to check on data."""

    def __init__(self, database: Database, *, programme: Programme, key: SealKey) -> None:
        self._database = database
        self._programme = programme
        self._key = key

    async def verify(self) -> Verdict:
        """Everything; what is wrong, at most a thousand of it."""
        checked: Counter[str] = Counter()
        violations: list[Violation] = []
        fees: FeeSums = Counter()
        finished = await self._database.audit(finished_months)
        above: int | None = 0
        while above is not None:
            part = await self._database.audit(_range, self._programme, above, fees)
            if part is not None:
                checked.update(part.checked)
                violations += part.violations[: VIOLATIONS_MAX - len(violations)]
            above = None if part is None else part.up_to
        violations += await self._blocks(checked)
        violations += await self._database.audit(whole_checks, fees, finished)
        return Verdict(checked=sum(checked.values()), violations=[_shown(one) for one in violations[:VIOLATIONS_MAX]])

    async def _blocks(self, checked: "Counter[str]") -> list[Violation]:
        """Invariant 26."""
        violations: list[Violation] = []
        above, head, earlier = 0, sealing.GENESIS, self._key.earlier
        while part := await self._database.audit(verify_blocks, self._key.octets, above, head, earlier=earlier):
            violations += part.violations[: VIOLATIONS_MAX - len(violations)]
            above, head = part.block_no, part.head
            earlier = None if part.is_ours else earlier
            checked["sealed"] += part.postings
        return violations


def _range(connection: Connection, programme: Programme, above: int, fees: FeeSums) -> Verification | None:
    part = verify_range(connection, programme, above)
    if part is None:
        return None
    add_fees(connection, above, part.up_to, fees)
    more = (*uncovered(connection, above, part.up_to), *notice_violations(connection, above, part.up_to))
    return Verification(checked=part.checked, violations=(*part.violations, *more), up_to=part.up_to)


def _shown(one: Violation) -> Mapping[str, object]:
    return asdict(one)
