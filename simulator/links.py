"""The `link` fault and the rest of a fault document, put into force together."""

from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IReactorTime

from simulator.faults import FaultPlan, Faults, LinkState
from simulator.link_gate import Gated, LinkGate
from simulator.misbehaving import Misbehaving
from simulator.misbehaviour import GOOD_MANNERS
from simulator.rng import Rng
from simulator.sessions import Accounts
from simulator.smsc import Smsc


class Links:
    """Where faults are switched."""

    def __init__(
        self,
        *,
        plan: FaultPlan,
        gate: LinkGate,
        accounts: Accounts,
        smsc: Smsc,
        clock: IReactorTime,
        rng_for_seed: Callable[[int], Rng],
    ) -> None:
        self._plan = plan
        self._gate = gate
        self._accounts = accounts
        self._smsc = smsc
        self._clock = clock
        self._rng_for_seed = rng_for_seed

    @property
    def faults(self) -> Faults:
        """The faults in force."""
        return self._plan.faults

    @property
    def port(self) -> int:
        """The SMPP port."""
        return self._gate.port

    async def apply(self, faults: Faults) -> None:
        """These faults from now on; raises PortTaken when the port went to somebody else meanwhile."""
        before, manners = self._plan.faults.link, self._plan.faults.misbehaviour
        self._plan.replace(faults)
        self._smsc.obey(faults)
        self._gate.announces_version = faults.habits.announces_version
        self._accounts.refusing = faults.link is LinkState.REFUSE_BIND
        if faults.misbehaviour != manners:
            self._change_manners(faults)
        if faults.link is LinkState.DOWN:
            await self._gate.close()
            self._gate.cut_all()
            return
        if faults.link is not before and before is LinkState.HALF_OPEN:
            # What was silent cannot be woken: either side's timers have run meanwhile.
            self._gate.cut_all()
        self._gate.silent = faults.link is LinkState.HALF_OPEN
        if faults.link is LinkState.REFUSE_BIND and before is not LinkState.REFUSE_BIND:
            self._gate.cut_all()
        self._gate.open()

    def _change_manners(self, faults: Faults) -> None:
        """A connection keeps the manners it was made with: those of before are ended."""
        manners = faults.misbehaviour
        self._gate.wrapping = (
            Gated
            if manners == GOOD_MANNERS
            else partial(Misbehaving, manners=manners, clock=self._clock, rng=self._rng_for_seed(faults.seed))
        )
        self._gate.cut_all()
