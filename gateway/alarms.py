"""What needs a person and does not pass by itself: said in the log once, shown in /status until the next start."""

from collections import OrderedDict

from twisted.logger import Logger

ALARMS_MAX = 50
"""Remembered; the oldest goes first. The log has them all."""


class Alarms:
    """Remembers what was raised; the same alarm again is one."""

    _log = Logger()

    def __init__(self) -> None:
        self._raised: OrderedDict[str, None] = OrderedDict()

    def order_conflicted(self, partner: str, order_id: str) -> None:
        """A shop told a known order again with other figures; nothing changed (rule 22)."""
        self._log.warn("order_conflicted {partner} {order_id}", partner=partner, order_id=order_id)
        self._raise(f"order {partner}:{order_id} was told again with other figures")

    def ledger_imbalanced(self, minor: int) -> None:
        """Balances and journal differ, or a closed day does not add up."""
        self._log.critical("ledger_imbalanced {minor}", minor=minor)
        self._raise("the ledger does not add up: run firstcharge ledger verify")

    def seals_are_public(self) -> None:
        """The journal is sealed with the published key."""
        self._raise("ledger.seal_key is not set: seals show damage, not whoever can write to the database")

    def sealed_by_another_key(self, key_id: str) -> None:
        """The journal ends with a block of a key that is not configured: the key was lost, or another gateway's."""
        self._log.critical("journal_sealed_by_another_key {key_id}", key_id=key_id)
        self._raise(
            f"the journal was sealed with key {key_id}, which is not ours: put it back, or verification fails"
        )

    def raised(self) -> list[str]:
        """The alarms, oldest first."""
        return list(self._raised)

    def _raise(self, alarm: str) -> None:
        self._raised[alarm] = None
        if len(self._raised) > ALARMS_MAX:
            self._raised.popitem(last=False)
