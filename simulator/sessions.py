"""Who is bound: the accounts, their sessions, and which session takes what."""

import hmac
from collections.abc import Callable, Iterator

from twisted.internet.interfaces import IDelayedCall

from simulator.rate import RateLimit
from simulator.settings import Account
from sms.smpp import SessionState
from sms.smpp.constants import CommandStatus
from sms.smpp.pdu import Bind
from sms.smpp.protocol import SmppProtocol
from sms.smpp.server import Accepted

SYSTEM_ID = "FIRSTCHARGE-SIM"
DELIVERIES_IN_FLIGHT_MAX = 100
"""Receipts and messages unanswered on one session; USSD may use the rest of the window."""

RX = SessionState.BOUND_RX
TRX = SessionState.BOUND_TRX


class BoundSession:
    """One bound connection; `unanswered` are its submissions whose answers a fault holds back.

    `outstanding` are those the ESME had under way at once when it sent the last one: the unanswered, and all
    before it in the same read, as their answers leave together at its end.
    """

    __slots__ = (
        *("_read", "account", "held", "held_until", "link", "name"),
        *("outstanding", "takes_ussd_first", "unanswered"),
    )

    def __init__(self, link: SmppProtocol, account: "BoundAccount", *, name: str, takes_ussd_first: bool) -> None:
        self.link = link
        self.account = account
        self.name = name
        self.takes_ussd_first = takes_ussd_first
        self.unanswered = 0
        self.outstanding = 0
        self._read = 0
        self.held: Callable[[], None] | None = None
        self.held_until: IDelayedCall | None = None

    def count(self) -> None:
        """One more submission came."""
        read = self.link.session.pdus_received
        if read != self._read:
            self._read = read
            self.outstanding = self.unanswered
        self.outstanding += 1

    @property
    def receives(self) -> bool:
        """Whether deliver_sm may be sent on it."""
        state = self.link.session.state
        return state is TRX or state is RX

    @property
    def has_room(self) -> bool:
        """Whether one more receipt or message may be under way on it."""
        link = self.link
        return link.in_window < min(link.window, DELIVERIES_IN_FLIGHT_MAX)


class BoundAccount:
    """An account and its sessions, oldest first."""

    __slots__ = ("_turn", "account", "rate", "sessions", "source", "takes_sms", "unrestricted", "window")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.source = frozenset(account.source)
        self.window = account.window
        self.takes_sms = "sms" in account.roles
        self.rate = RateLimit(account.rate_per_s) if account.rate_per_s else None
        self.unrestricted = self.takes_sms and not self.source and self.rate is None
        self.sessions: list[BoundSession] = []
        self._turn = 0

    def receiver(self) -> BoundSession | None:
        """A session that can take a deliver_sm now, in turn; None while none has room."""
        sessions = self.sessions
        if len(sessions) == 1:
            only = sessions[0]
            return only if only.receives and only.has_room else None
        able = [one for one in sessions if one.receives and one.has_room]
        if not able:
            return None
        self._turn += 1
        plain = [one for one in able if not one.takes_ussd_first] or able
        return plain[self._turn % len(plain)]

    def ussd_receiver(self) -> BoundSession | None:
        """A session for a USSD unit: one that bound for it if there is one."""
        able = [one for one in self.sessions if one.receives]
        return next((one for one in able if one.takes_ussd_first), able[0] if able else None)

    @property
    def is_receiving(self) -> bool:
        """Whether any session takes deliver_sm."""
        return any(one.receives for one in self.sessions)


class Accounts:
    """All accounts by system_id, in the order of the configuration."""

    def __init__(self, accounts: tuple[Account, ...], *, uniform_errors: bool) -> None:
        self._by_id = {account.system_id: BoundAccount(account) for account in accounts}
        self._uniform = uniform_errors
        self.refusing = False

    def __iter__(self) -> Iterator[BoundAccount]:
        """The accounts in their order."""
        return iter(self._by_id.values())

    def authenticate(self, bind: Bind, peer_host: str) -> Accepted | CommandStatus:  # noqa: ARG002 - the listener's signature
        """Whether this bind is let in, and if not why; with uniform errors the reason is not told."""
        refusal = self._refusal(bind)
        if refusal is None:
            return Accepted(system_id=SYSTEM_ID, window=self._by_id[bind.system_id].window)
        return CommandStatus.ESME_RBINDFAIL if self._uniform else refusal

    def of(self, system_id: str) -> BoundAccount:
        """The account of a session that was let in."""
        return self._by_id[system_id]

    def for_number(self, number: str, learned: str | None) -> BoundAccount | None:
        """Whose number this is: by `source`, else who last sent from it, else the first that takes SMS.

        None when no account takes SMS at all.
        """
        takers = [one for one in self if one.takes_sms]
        owner = next((one for one in takers if number in one.source), None)
        if owner is not None:
            return owner
        free = [one for one in takers if not one.source]
        by_habit = next((one for one in free if one.account.system_id == learned and one.is_receiving), None)
        bound = next((one for one in free if one.is_receiving), None)
        return by_habit or bound or next(iter(free), None)

    def for_ussd(self) -> BoundAccount | None:
        """Who is asked when somebody dials: the first account with that role that is bound to receive."""
        return next((one for one in self if "ussd" in one.account.roles and one.is_receiving), None)

    def _refusal(self, bind: Bind) -> CommandStatus | None:
        if self.refusing:
            return CommandStatus.ESME_RBINDFAIL
        known = self._by_id.get(bind.system_id)
        # An unknown system_id costs the same comparison, so that time does not tell them apart.
        password = known.account.password if known is not None else bind.password + "x"
        matches = hmac.compare_digest(password.encode(), bind.password.encode())
        if known is None:
            return CommandStatus.ESME_RINVSYSID
        if not matches:
            return CommandStatus.ESME_RINVPASWD
        if len(known.sessions) >= known.account.sessions_max:
            return CommandStatus.ESME_RBINDFAIL
        return None
