"""The one table of the session, against table 2-1 of SMPP 3.4."""

import pytest

from sms.smpp.constants import CommandId as C
from sms.smpp.pdu import PDU_CLASSES, UNANSWERED, response_class
from sms.smpp.transitions import BOUND_STATES, TRANSITIONS, Effect, Role, SessionState, Way

S = SessionState
# SMPP 3.4 table 2-1: command -> who issues it, in which bound states.
ISSUED = {
    C.SUBMIT_SM: (Role.ESME, {S.BOUND_TX, S.BOUND_TRX}),
    C.SUBMIT_MULTI: (Role.ESME, {S.BOUND_TX, S.BOUND_TRX}),
    C.QUERY_SM: (Role.ESME, {S.BOUND_TX, S.BOUND_TRX}),
    C.CANCEL_SM: (Role.ESME, {S.BOUND_TX, S.BOUND_TRX}),
    C.REPLACE_SM: (Role.ESME, {S.BOUND_TX, S.BOUND_TRX}),
    C.DELIVER_SM: (Role.SMSC, {S.BOUND_RX, S.BOUND_TRX}),
    C.ALERT_NOTIFICATION: (Role.SMSC, {S.BOUND_RX, S.BOUND_TRX}),
    C.BIND_RECEIVER: (Role.ESME, {S.OPEN}),
    C.BIND_TRANSMITTER: (Role.ESME, {S.OPEN}),
    C.BIND_TRANSCEIVER: (Role.ESME, {S.OPEN}),
    C.OUTBIND: (Role.SMSC, {S.OPEN}),
}


@pytest.mark.parametrize("command", sorted(ISSUED), ids=lambda command: C(command).name.lower())
def test_each_command_is_issued_by_its_side_in_its_states(command: C) -> None:
    """SMPP checks 15, 16, 17."""
    issuer, states = ISSUED[command]
    sending = {(role, state) for role, state, way, known in TRANSITIONS if way is Way.US and known == command}
    assert sending == {(issuer, state) for state in states}
    other = Role.SMSC if issuer is Role.ESME else Role.ESME
    refused = {Effect.ALREADY_BOUND}
    receiving = {
        (role, state)
        for (role, state, way, known), transition in TRANSITIONS.items()
        if way is Way.PEER and known == command and transition.effect not in refused
    }
    assert receiving - {(Role.ESME, S.UNBINDING)} == {(other, state) for state in states}


def test_nothing_happens_when_closed() -> None:
    assert not [key for key in TRANSITIONS if key[1] is S.CLOSED]


def test_every_bind_has_its_state() -> None:
    assert set(BOUND_STATES.values()) == {S.BOUND_TX, S.BOUND_RX, S.BOUND_TRX}
    assert all(state.is_bound for state in BOUND_STATES.values())
    assert not S.UNBINDING.is_bound


def test_what_has_no_answer_is_never_delivered_as_if_it_had() -> None:
    """SMPP checks 25, 28."""
    informed = {key[3] for key, transition in TRANSITIONS.items() if transition.effect is Effect.INFORM}
    assert informed == set(UNANSWERED)
    for command in UNANSWERED:
        assert response_class(command) is None
    assert response_class(C.SUBMIT_SM) is PDU_CLASSES[C.SUBMIT_SM_RESP]
    assert response_class(C.SUBMIT_SM_RESP) is None
    assert response_class(0x777) is None
