"""Answers to submissions on their way out, and the faults that befall them there.

Delay, loss, doubles, reordering and malformed octets. While an answer is held back its submission counts
against the account's window; one that is lost was sent as far as this side knows, and counts no more.
"""

from collections.abc import Callable

from simulator.faults import FaultPlan, ResponseFault
from simulator.sessions import BoundSession
from simulator.timers import Timers
from sms.smpp.codec import encode
from sms.smpp.constants import HEADER_OCTETS
from sms.smpp.pdu import Pdu

REORDER_SECONDS_MAX = 0.2
DUPLICATE_SECONDS = 0.005

_LENGTH_OCTETS = 4
_STATUS_AT = 8


class Responder:
    """The way out for answers to submit_sm and its kin; everything else is answered directly."""

    def __init__(self, plan: FaultPlan, timers: Timers, *, send_raw: Callable[[BoundSession, bytes], None]) -> None:
        self._plan = plan
        self._timers = timers
        self._send_raw = send_raw

    def answer(self, session: BoundSession, request: Pdu, response: Pdu) -> None:
        """Send the answer, or do to it what the faults in force say."""
        if not self._plan.active:
            session.link.respond(request, response)
            return
        fault = self._plan.response()
        if fault is ResponseFault.DROP:
            session.link.forget(request)
            return
        delay = self._plan.response_delay_s()
        if delay:
            session.unanswered += 1
            self._timers.later(delay, self._late, session, request, response, fault)
        else:
            self._send(session, request, response, fault)

    def _late(self, session: BoundSession, request: Pdu, response: Pdu, fault: ResponseFault) -> None:
        session.unanswered -= 1
        self._send(session, request, response, fault)

    def _send(self, session: BoundSession, request: Pdu, response: Pdu, fault: ResponseFault) -> None:
        if fault is ResponseFault.REORDER and session.held is None:
            session.unanswered += 1
            session.held = lambda: self._write(session, request, response)
            session.held_until = self._timers.later(REORDER_SECONDS_MAX, self._release, session)
            return
        self._write(session, request, response)
        if fault is ResponseFault.DUPLICATE:
            octets = self._octets(request, response)
            self._timers.later(DUPLICATE_SECONDS, self._send_raw, session, octets)
        self._release(session)

    def _release(self, session: BoundSession) -> None:
        held, session.held = session.held, None
        if held is not None:
            self._timers.cancel(session.held_until)
            session.unanswered -= 1
            held()

    def _write(self, session: BoundSession, request: Pdu, response: Pdu) -> None:
        spoiled = self._plan.malformation()
        if spoiled is None:
            session.link.respond(request, response)
            return
        self._send_raw(session, malformed(self._octets(request, response), spoiled))
        session.link.forget(request)

    def _octets(self, request: Pdu, response: Pdu) -> bytes:
        response.sequence_number = request.sequence_number
        return encode(response)


def malformed(octets: bytes, kind: int) -> bytes:
    """A PDU spoiled in one of four ways; with the last one the receiver cannot find the next PDU."""
    header, body = octets[:HEADER_OCTETS], octets[HEADER_OCTETS:]
    match kind % 4:
        case 0:  # the string's NUL is missing
            return _with_length(header, body.rstrip(b"\0") or b"x")
        case 1:  # a parameter ends behind the PDU
            return _with_length(header, (body or b"\0") + b"\x04\x27\x00\x40\x02")
        case 2:  # a response nobody defined
            return _with_length(b"\0" * _LENGTH_OCTETS + b"\x80\x00\x0f\xff" + header[_STATUS_AT:], b"")
        case _:  # a length that cannot be
            return b"\x00\x00\x00\x08" + header[_LENGTH_OCTETS:] + body


def _with_length(header: bytes, body: bytes) -> bytes:
    return (HEADER_OCTETS + len(body)).to_bytes(_LENGTH_OCTETS, "big") + header[_LENGTH_OCTETS:] + body
