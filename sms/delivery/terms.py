"""What a dispatcher is told at its start: how to send, over which links, in which surroundings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection
from twisted.internet.interfaces import IReactorTime

from sms.delivery.journal import Transact
from sms.delivery.submission import Sender
from sms.outbox.quiet import QuietHours
from sms.outbox.retry import ADVERT_POLICY, SERVICE_POLICY, ClassPolicy, Rng, StatusClass
from sms.text import PLAIN, Carriage

UNRECORDED_MAX = 2_000
"""Messages taken whose outcome is not stored; a kill leaves at most these in doubt."""
PARTS_MAX = 10
RECEIPT_WAIT_S = 259_200.0
RECEIPT_MARGIN_S = 3_600.0
"""After the validity of a message its receipt may still take this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTerms:
    """What sending must know of a link: its contracted rate, its share, its own reading of statuses, its texts."""

    name: str
    rate_per_s: float | None = None
    weight: int = 1
    status_classes: Mapping[int, StatusClass] = field(default_factory=dict)
    carriage: Carriage = PLAIN
    query: bool = True
    """Whether its SMSC may be asked about messages (query_sm)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingTerms:
    """How the programme sends: in whose name, at which hours, how persistently.

    `owner` names this run of this process, as no other is or was named.
    """

    owner: str
    sender: Sender
    quiet: QuietHours
    service: ClassPolicy = SERVICE_POLICY
    advert: ClassPolicy = ADVERT_POLICY
    parts_max: int = PARTS_MAX
    unrecorded_max: int = UNRECORDED_MAX
    receipt_wait_s: float = RECEIPT_WAIT_S
    """How long a message without validity of its own may be without its final receipt before its SMSC is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a dispatcher is given of the world: clocks, chance, the database, named points for tests to kill at.

    `business(connection)` is the business clock as a transaction sees it.
    """

    clock: IReactorTime
    wall: Callable[[], datetime]
    business: Callable[[Connection], datetime]
    rng: Rng
    transact: Transact
    fault: Callable[[str], None]
