"""The USSD centre: a subscriber's dialogue with the ESME, with the network's own timers.

Dialling sends a begin, the submit_sm that answers it is what the phone shows; a menu leaves the dialogue open
for the subscriber. Whatever goes wrong ends as a failure that names it; a phone is never left waiting.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from simulator.errors import NoOpenDialogue, TooBusy
from simulator.faults import FaultPlan
from simulator.sessions import Accounts, BoundSession
from simulator.settings import Simulator
from simulator.timers import Timers
from sms.errors import PduError, RequestFailed, SessionStateError
from sms.smpp.constants import CommandStatus, Npi, Ton
from sms.smpp.pdu import DeliverSm, Pdu, SubmitSm
from sms.text import Coding, coding_of
from ussd.wire import (
    OCTETS_MAX,
    PROFILES,
    Indication,
    Kind,
    OperationUnknown,
    SmppUssdProfile,
    WireUnit,
    octets_of,
)

DIALOGUES_MAX = 50_000
SEPTETS_MAX = 182
_SERVICE_CODE = re.compile(r"[*#]+(\d{1,10})")


class Failure(StrEnum):
    """Why a phone shows no text."""

    TIMEOUT = "timeout"
    LINK_DOWN = "link_down"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What the phone shows after dialling or answering; `session` is the network's number."""

    text: str | None = None
    open: bool = False
    session: int | None = None
    coding: Coding | None = None
    octets: int = 0
    elapsed_ms: int = 0
    failure: Failure | None = None


class _Dialogue:
    """One open dialogue; `waiting` while the ESME is to speak."""

    __slots__ = ("asked_at", "closing", "link", "msisdn", "number", "patience", "profile", "service_code", "step",
                 "waiting")  # fmt: skip

    def __init__(
        self, msisdn: str, number: int, *, link: BoundSession, profile: SmppUssdProfile, service_code: str
    ) -> None:
        self.msisdn = msisdn
        self.number = number
        self.link = link
        self.profile = profile
        self.service_code = service_code
        self.step = 0
        self.asked_at = 0.0
        self.waiting: Deferred[Screen] | None = None
        self.patience: IDelayedCall | None = None
        self.closing: IDelayedCall | None = None


class UssdCentre:
    """All dialogues, one for each handset at most."""

    def __init__(
        self,
        *,
        settings: Simulator,
        accounts: Accounts,
        plan: FaultPlan,
        clock: IReactorTime,
        changed: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._plan = plan
        self._clock = clock
        self._changed = changed
        self._timers = Timers(clock)
        self._open: dict[str, _Dialogue] = {}
        self._numbers = 0
        self.late = 0

    def __len__(self) -> int:
        """How many dialogues are open."""
        return len(self._open)

    async def dial(self, msisdn: str, code: str) -> Screen:
        """What the phone shows after dialling; raises TooBusy when the centre is full.

        Dialling ends a dialogue that is still open, as on a phone.
        """
        self.hang_up(msisdn)
        if len(self._open) >= DIALOGUES_MAX:
            raise TooBusy(f"{DIALOGUES_MAX} dialogues are open")
        account = self._accounts.for_ussd()
        link = account.ussd_receiver() if account is not None else None
        if account is None or link is None:
            return Screen(failure=Failure.LINK_DOWN)
        profile = PROFILES[account.account.profile]
        self._numbers = (self._numbers + 1) % (1 << profile.session_tlv.session_bits)
        named = _SERVICE_CODE.match(code)
        service_code = named.group(1) if named else self._settings.service_number
        dialogue = _Dialogue(msisdn, self._numbers, link=link, profile=profile, service_code=service_code)
        self._open[msisdn] = dialogue
        dialogue.closing = self._timers.later(self._settings.ussd_session_s, self._give_up, dialogue, Failure.TIMEOUT)
        self._changed("dialogues")
        dialled = _keyed(code)
        screen = self._ask(dialogue, Kind.BEGIN, dialled)
        if self._plan.active and self._plan.ussd_begins_twice():
            self._tell(dialogue, Kind.BEGIN, dialled)
        if self._plan.active and self._plan.ussd_aborts():
            self._give_up(dialogue, Failure.ABORTED)
        return await screen

    async def answer(self, msisdn: str, text: str) -> Screen:
        """What the phone shows after answering a menu; raises NoOpenDialogue."""
        dialogue = self._open.get(msisdn)
        if dialogue is None or dialogue.waiting is not None:
            raise NoOpenDialogue("there is no menu on this phone's screen to answer")
        return await self._ask(dialogue, Kind.ANSWER, _keyed(text))

    def hang_up(self, msisdn: str) -> bool:
        """The subscriber hangs up; False when nothing was open."""
        dialogue = self._open.get(msisdn)
        if dialogue is None:
            return False
        self._give_up(dialogue, Failure.ABORTED)
        return True

    def submitted(self, session: BoundSession, pdu: SubmitSm, text: bytes) -> CommandStatus:
        """The ESME's next screen; the status its submit_sm is answered with."""
        unit = WireUnit(
            source=pdu.source_addr,
            destination=pdu.destination_addr,
            service_type=pdu.service_type,
            data_coding=pdu.data_coding,
            payload=text,
            tlvs=pdu.tlvs,
        )
        try:
            response = PROFILES[session.account.account.profile].read_response(unit)
        except OperationUnknown:
            return CommandStatus.ESME_RINVOPTPARAMVAL
        dialogue = self._open.get(response.msisdn)
        if (
            dialogue is None
            or dialogue.link.account is not session.account
            or response.session not in (None, dialogue.number)
            or dialogue.waiting is None
        ):
            self.late += 1
            return CommandStatus.ESME_RSUBMITFAIL
        octets = octets_of(response.text) if response.coding is Coding.GSM7 else len(text)
        if octets > OCTETS_MAX:
            return CommandStatus.ESME_RINVMSGLEN
        self._show(
            dialogue,
            Screen(
                text=response.text,
                open=not response.end,
                session=dialogue.number,
                coding=response.coding,
                octets=octets,
                elapsed_ms=self._elapsed_ms(dialogue),
            ),
        )
        return CommandStatus.ESME_ROK

    def link_lost(self, session: BoundSession) -> None:
        """A connection is gone, and its dialogues with it."""
        for dialogue in [one for one in self._open.values() if one.link is session]:
            self._fail(dialogue, Failure.LINK_DOWN)

    def stop(self) -> None:
        """End every dialogue."""
        for dialogue in list(self._open.values()):
            self._fail(dialogue, Failure.LINK_DOWN)
        self._timers.cancel_all()

    def _ask(self, dialogue: _Dialogue, kind: Kind, text: str) -> Deferred[Screen]:
        """Tell the ESME and wait for its screen."""
        self._timers.cancel(dialogue.patience)
        dialogue.asked_at = self._clock.seconds()
        waiting: Deferred[Screen] = Deferred()
        dialogue.waiting = waiting
        dialogue.patience = self._timers.later(self._settings.ussd_answer_s, self._give_up, dialogue, Failure.TIMEOUT)
        self._tell(dialogue, kind, text)
        return waiting

    def _tell(self, dialogue: _Dialogue, kind: Kind, text: str) -> None:
        """Send one unit to the ESME, after the delay a fault may ask for."""
        delay = self._plan.ussd_delay_s() if self._plan.active else 0.0
        if delay:
            self._timers.later(delay, self._send, dialogue, kind, text)
        else:
            self._send(dialogue, kind, text)

    def _send(self, dialogue: _Dialogue, kind: Kind, text: str) -> None:
        if kind is not Kind.ABORT and self._open.get(dialogue.msisdn) is not dialogue:
            return
        unit = dialogue.profile.write_indication(
            Indication(
                msisdn=dialogue.msisdn,
                service_code=dialogue.service_code,
                kind=kind,
                text=text,
                session=dialogue.number,
                step=dialogue.step,
            )
        )
        dialogue.step += 1
        pdu = DeliverSm(
            service_type=unit.service_type,
            source_addr_ton=Ton.INTERNATIONAL,
            source_addr_npi=Npi.ISDN,
            source_addr=unit.source,
            dest_addr_ton=Ton.UNKNOWN,
            dest_addr_npi=Npi.ISDN,
            destination_addr=unit.destination,
            data_coding=unit.data_coding,
            short_message=unit.payload,
            tlvs=unit.tlvs,
        )
        try:
            dialogue.link.link.try_request(pdu, lambda answer: self._acknowledged(dialogue, answer))
        except (SessionStateError, PduError):
            self._fail(dialogue, Failure.LINK_DOWN)

    def _acknowledged(self, dialogue: _Dialogue, answer: Pdu | RequestFailed) -> None:
        """An ESME that refuses a unit ends the dialogue; one that says nothing may still show a screen."""
        if not isinstance(answer, RequestFailed) and answer.command_status:
            self._fail(dialogue, Failure.ABORTED)

    def _show(self, dialogue: _Dialogue, screen: Screen) -> None:
        self._timers.cancel(dialogue.patience)
        waiting, dialogue.waiting = dialogue.waiting, None
        if screen.open:
            dialogue.patience = self._timers.later(
                self._settings.ussd_customer_s, self._give_up, dialogue, Failure.TIMEOUT
            )
        else:
            self._close(dialogue)
        if waiting is not None:
            waiting.callback(screen)

    def _give_up(self, dialogue: _Dialogue, failure: Failure) -> None:
        """The network or the subscriber ends the dialogue: an ESME that knows of it is told."""
        if self._open.get(dialogue.msisdn) is dialogue:
            if dialogue.step:
                self._send(dialogue, Kind.ABORT, "")
            self._fail(dialogue, failure)

    def _fail(self, dialogue: _Dialogue, failure: Failure) -> None:
        if self._open.get(dialogue.msisdn) is not dialogue:
            return
        waiting, dialogue.waiting = dialogue.waiting, None
        self._close(dialogue)
        if waiting is not None:
            waiting.callback(Screen(session=dialogue.number, failure=failure, elapsed_ms=self._elapsed_ms(dialogue)))

    def _close(self, dialogue: _Dialogue) -> None:
        self._timers.cancel(dialogue.patience)
        self._timers.cancel(dialogue.closing)
        del self._open[dialogue.msisdn]
        self._changed("dialogues")

    def _elapsed_ms(self, dialogue: _Dialogue) -> int:
        return int((self._clock.seconds() - dialogue.asked_at) * 1000)


def _keyed(text: str) -> str:
    """As much as a phone lets its owner key in for one USSD string."""
    cut = text[:SEPTETS_MAX]
    return cut if coding_of(cut) is Coding.GSM7 and octets_of(cut) <= OCTETS_MAX else _in_ucs2(cut)


def _in_ucs2(text: str) -> str:
    """As much as fits in two octets a character, and four for one beyond the basic plane; none is cut in half."""
    return text.encode("utf-16-be", "surrogatepass")[:OCTETS_MAX].decode("utf-16-be", "ignore")
