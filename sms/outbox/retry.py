"""What a command_status asks of us, and when a refused message is tried again. Pure.

Statuses fall in classes (SMPP 3.4 §5.1.3); a per-link table may say otherwise. A vendor's or an unknown status
gets a bounded number of attempts, so that no status can stall the queue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sms.outbox.model import ServiceClass
from sms.smpp.constants import CommandStatus

_S = CommandStatus


class Rng(Protocol):
    """The part of `random.Random` the jitter needs."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class StatusClass(StrEnum):
    """What a status means for message and link."""

    ACCEPTED = "accepted"
    PERMANENT = "permanent"
    """The message will never be taken: dead letter."""
    TEMPORARY = "temporary"
    """Try again later; uses up an attempt."""
    THROTTLED = "throttled"
    """We are too fast: the link slows down, the message stays, no attempt is used up."""
    LINK = "link"
    """The session is not what we think: the link rests, the message stays."""


_PERMANENT = (
    _S.ESME_RINVMSGLEN, _S.ESME_RINVPRTFLG, _S.ESME_RINVREGDLVFLG, _S.ESME_RINVSRCADR, _S.ESME_RINVDSTADR,
    _S.ESME_RINVMSGID, _S.ESME_RCANCELFAIL, _S.ESME_RREPLACEFAIL, _S.ESME_RINVSERTYP, _S.ESME_RINVNUMDESTS,
    _S.ESME_RINVDLNAME, _S.ESME_RINVDESTFLAG, _S.ESME_RINVSUBREP, _S.ESME_RINVESMCLASS, _S.ESME_RCNTSUBDL,
    _S.ESME_RINVSRCTON, _S.ESME_RINVSRCNPI, _S.ESME_RINVDSTTON, _S.ESME_RINVDSTNPI, _S.ESME_RINVSYSTYP,
    _S.ESME_RINVREPFLAG, _S.ESME_RINVNUMMSGS, _S.ESME_RINVSCHED, _S.ESME_RINVEXPIRY, _S.ESME_RINVDFTMSGID,
    _S.ESME_RX_P_APPN, _S.ESME_RX_R_APPN, _S.ESME_RQUERYFAIL, _S.ESME_RINVOPTPARSTREAM,
    _S.ESME_ROPTPARNOTALLWD, _S.ESME_RINVPARLEN, _S.ESME_RMISSINGOPTPARAM, _S.ESME_RINVOPTPARAMVAL,
    _S.ESME_RSERTYPUNAUTH, _S.ESME_RPROHIBITED, _S.ESME_RSERTYPDENIED, _S.ESME_RINVDCS,
    _S.ESME_RINVSRCADDRSUBUNIT, _S.ESME_RINVDSTADDRSUBUNIT, _S.ESME_RINVBCASTFREQINT,
    _S.ESME_RINVBCASTALIAS_NAME, _S.ESME_RINVBCASTAREAFMT, _S.ESME_RINVNUMBCAST_AREAS,
    _S.ESME_RINVBCASTCNTTYPE, _S.ESME_RINVBCASTMSGCLASS, _S.ESME_RBCASTFAIL, _S.ESME_RBCASTQUERYFAIL,
    _S.ESME_RBCASTCANCELFAIL, _S.ESME_RINVBCAST_REP, _S.ESME_RINVBCASTSRVGRP, _S.ESME_RINVBCASTCHANIND,
)  # fmt: skip
# A generic_nack (RINVCMDLEN, RINVCMDID) fails this request only; a damaged line may pass it the next time.
_TEMPORARY = (
    _S.ESME_RINVCMDLEN, _S.ESME_RINVCMDID, _S.ESME_RSYSERR, _S.ESME_RSUBMITFAIL, _S.ESME_RX_T_APPN,
    _S.ESME_RDELIVERYFAILURE, _S.ESME_RUNKNOWNERR, _S.ESME_RSERTYPUNAVAIL,
)  # fmt: skip
_LINK = (
    _S.ESME_RINVBNDSTS, _S.ESME_RALYBND, _S.ESME_RBINDFAIL, _S.ESME_RINVPASWD, _S.ESME_RINVSYSID,
)  # fmt: skip

STATUS_CLASSES: Mapping[int, StatusClass] = {
    int(_S.ESME_ROK): StatusClass.ACCEPTED,
    int(_S.ESME_RTHROTTLED): StatusClass.THROTTLED,
    int(_S.ESME_RMSGQFUL): StatusClass.THROTTLED,
    **{int(status): StatusClass.PERMANENT for status in _PERMANENT},
    **{int(status): StatusClass.TEMPORARY for status in _TEMPORARY},
    **{int(status): StatusClass.LINK for status in _LINK},
}
"""Every status the standards name."""


def class_of(status: int, link_table: Mapping[int, StatusClass]) -> StatusClass:
    """The class of a status: the link's own table first, then the standard's; any other is TEMPORARY."""
    return link_table.get(status) or STATUS_CLASSES.get(status, StatusClass.TEMPORARY)


def status_name(status: int) -> str:
    """ESME_RTHROTTLED and its like, or the number where it has no name."""
    try:
        return CommandStatus(status).name
    except ValueError:
        return f"0x{status:08X}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPolicy:
    """How far a class of messages goes: attempts, waits between them, and what follows an unknown outcome.

    After `unknown_grace_s` an unknown one is sent again at most `resends_max` times in its life (each may be a
    second copy for the subscriber), then it is a dead letter.
    """

    attempts_max: int = 24
    backoff_first_s: float = 5.0
    backoff_max_s: float = 1800.0
    unknown_grace_s: float = 120.0
    resends_max: int = 1


Policies = Mapping[ServiceClass, ClassPolicy]

SERVICE_POLICY = ClassPolicy()
ADVERT_POLICY = ClassPolicy(attempts_max=5, resends_max=0)


def backoff_s(policy: ClassPolicy, failures: int, rng: Rng) -> float:
    """Seconds until the next attempt after this many failures (1 or more): exponential, full jitter."""
    doublings = min(failures - 1, 40)
    return rng.random() * float(min(policy.backoff_max_s, policy.backoff_first_s * 2.0**doublings))
