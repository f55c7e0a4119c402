"""A link is kept bound: reconnecting with jitter, slowly after refusals, and taken down in good order."""

from typing import Any

import pytest
from smpp_ends import End, Handler, Transport
from smpp_samples import deliver_sm
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sms.errors import ConnectionDropped
from sms.smpp.client import EsmeLink, LinkState, OutbindFactory
from sms.smpp.codec import encode
from sms.smpp.config import BindKind, LinkConfig, TlvPolicy
from sms.smpp.constants import CommandStatus as Status
from sms.smpp.pdu import (
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    DeliverSmResp,
    Outbind,
    Pdu,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from sms.smpp.session import Session


class Rng:
    """Always the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


class Endpoint:
    """Connections are made, or refused, when the test says so."""

    def __init__(self) -> None:
        self.attempts: list[tuple[Any, Deferred[Any]]] = []

    def connect(self, factory: Any) -> Deferred[Any]:
        deferred: Deferred[Any] = Deferred(lambda d: d.errback(ConnectingCancelledError(None)))
        self.attempts.append((factory, deferred))
        return deferred


class World:
    """A link and the SMSC it talks to, played by hand."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.handler = Handler()
        self.endpoint = Endpoint()
        self.states: list[tuple[LinkState, str]] = []
        rng = Rng(options.pop("jitter", 1.0))
        config = LinkConfig(
            **(
                {"name": "main", "host": "smsc", "port": 2775, "system_id": "gateway", "password": "secret1"}
                | options
            )
        )
        self.link = EsmeLink(
            config, self.handler, endpoint=self.endpoint, clock=self.clock, rng=rng,
            on_state=lambda _link, state, why: self.states.append((state, why)),
        )  # fmt: skip
        self.started = Deferred.fromCoroutine(self.link.start())

    def accept(self) -> End:
        factory, deferred = self.endpoint.attempts[-1]
        protocol = factory.buildProtocol(None)
        end = End.__new__(End)
        end.clock, end.handler, end.transport, end.link = self.clock, self.handler, Transport(), protocol
        protocol.makeConnection(end.transport)
        deferred.callback(protocol)
        return end

    def refuse(self) -> None:
        self.endpoint.attempts[-1][1].errback(ConnectError(string="nobody there"))

    def bind(self) -> End:
        end = self.accept()
        request = end.turn()[0]
        end.receive(BindTransceiverResp(system_id="SMSC", sequence_number=request.sequence_number))
        return end

    def attempts_within(self, seconds: float) -> int:
        before = len(self.endpoint.attempts)
        self.clock.pump([seconds / 100] * 100)
        return len(self.endpoint.attempts) - before


def test_a_link_binds_as_configured() -> None:
    """SMPP check 26."""
    world = World(system_type="VMS", interface_version=0x50, window=7)
    assert world.started.called
    assert world.link.state is LinkState.CONNECTING
    end = world.accept()
    request = end.turn()[0]
    assert request == BindTransceiver(
        sequence_number=1, system_id="gateway", password="secret1", system_type="VMS", interface_version=0x50
    )
    end.receive(BindTransceiverResp(system_id="SMSC", sequence_number=1), deliver_sm())
    assert end.sent() == [DeliverSmResp(sequence_number=8)]
    assert world.link.state is LinkState.BOUND
    assert world.link.protocol is end.link
    assert world.handler.bound_links == [end.link]
    assert end.link.window == 7
    end.lose()


def test_who_waits_for_the_link_gets_it() -> None:
    world = World()
    waiting: Deferred[Any] = Deferred.fromCoroutine(world.link.wait_bound())
    given_up: Deferred[Any] = Deferred.fromCoroutine(world.link.wait_bound())
    given_up.addErrback(lambda _: None)
    given_up.cancel()
    end = world.bind()
    assert waiting.result is end.link
    again: Deferred[Any] = Deferred.fromCoroutine(world.link.wait_bound())
    assert again.result is end.link
    end.lose()


def test_unreachable_it_tries_again_with_doubling_waits_up_to_the_largest() -> None:
    world = World(reconnect_first_s=1.0, reconnect_max_s=4.0)
    waits = []
    for _ in range(5):
        world.refuse()
        start, count = world.clock.seconds(), len(world.endpoint.attempts)
        while len(world.endpoint.attempts) == count:
            world.clock.advance(0.25)
        waits.append(world.clock.seconds() - start)
    assert waits == [1.0, 2.0, 4.0, 4.0, 4.0]
    assert world.states[0][0] is LinkState.CONNECTING
    assert world.states[1] == (
        LinkState.WAITING,
        "An error occurred while connecting: nobody there.; next attempt in 1.0 s",
    )


def test_waits_are_a_random_part_of_the_time() -> None:
    world = World(reconnect_first_s=8.0, jitter=0.25)
    world.refuse()
    world.clock.advance(1.9)
    assert len(world.endpoint.attempts) == 1
    world.clock.advance(0.1)
    assert len(world.endpoint.attempts) == 2


def test_binds_are_never_closer_than_their_spacing() -> None:
    """Reliability test 14: no storm when the peer drops us after each bind."""
    world = World(jitter=0.0)
    for _ in range(3):
        world.bind().lose()
        assert world.attempts_within(0.98) == 0
        assert world.attempts_within(0.1) == 1


def test_a_bound_link_that_is_lost_starts_over_quickly() -> None:
    world = World(reconnect_first_s=2.0, bind_spacing_s=0.0)
    world.refuse()
    world.clock.advance(2)
    world.refuse()
    world.clock.advance(4)
    end = world.bind()
    end.lose()
    assert isinstance(world.handler.ended[0][1], ConnectionDropped)
    assert world.link.protocol is None
    assert world.link.state is LinkState.WAITING
    world.clock.advance(2)
    assert len(world.endpoint.attempts) == 4


@pytest.mark.parametrize("status", [Status.ESME_RINVSYSID, Status.ESME_RINVPASWD, Status.ESME_RBINDFAIL])
def test_a_bind_the_smsc_refuses_is_tried_again_after_minutes(status: Status) -> None:
    """SMPP check 19: neither for ever nor a storm."""
    world = World()
    waits = []
    for _ in range(4):
        end = world.accept()
        end.turn()
        end.receive(BindTransceiverResp(command_status=status, sequence_number=1))
        assert end.transport.disconnecting
        end.lose()
        assert world.link.state is LinkState.REFUSED
        start, count = world.clock.seconds(), len(world.endpoint.attempts)
        while len(world.endpoint.attempts) == count:
            world.clock.advance(10)
        waits.append(world.clock.seconds() - start)
    assert waits == [60, 120, 240, 300]
    assert world.handler.ended == []


def test_jitter_never_makes_a_refused_bind_quick() -> None:
    """SMPP check 19."""
    world = World(jitter=0.0)
    end = world.accept()
    end.turn()
    end.receive(BindTransceiverResp(command_status=Status.ESME_RINVPASWD, sequence_number=1))
    end.lose()
    assert world.attempts_within(29.5) == 0
    assert world.attempts_within(1) == 1


def test_other_refusals_are_tried_again_soon() -> None:
    """SMPP check 19: ESME_RALYBND after a half-open connection goes away by itself."""
    world = World(reconnect_first_s=3.0)
    end = world.accept()
    end.turn()
    end.receive(BindTransceiverResp(command_status=Status.ESME_RALYBND, sequence_number=1))
    end.lose()
    assert world.link.state is LinkState.WAITING
    assert world.attempts_within(3.1) == 1


def test_a_bind_nobody_answers_is_given_up() -> None:
    world = World(response_timeout_s=5.0)
    end = world.accept()
    world.clock.advance(5)
    assert end.transport.disconnecting
    end.lose()
    assert world.link.state is LinkState.WAITING


def test_stopping_unbinds_and_stays_down() -> None:
    world = World()
    end = world.bind()
    stopped = Deferred.fromCoroutine(world.link.stop())
    unbind = end.turn()
    assert [pdu.name for pdu in unbind] == ["unbind"]
    end.receive(UnbindResp(sequence_number=unbind[0].sequence_number))
    end.lose()
    assert stopped.called
    assert world.link.state is LinkState.STOPPED
    assert world.handler.ended == [([], None)]
    world.clock.advance(1000)
    assert len(world.endpoint.attempts) == 1
    assert world.clock.getDelayedCalls() == []
    assert Deferred.fromCoroutine(world.link.stop()).called


def test_stopping_while_connecting_waiting_or_binding() -> None:
    for prepare in (None, World.refuse, World.accept):
        world = World()
        end = prepare(world) if prepare else None
        stopped = Deferred.fromCoroutine(world.link.stop())
        if isinstance(end, End):
            assert end.transport.disconnecting
            end.lose()
        assert stopped.called
        assert world.link.state is LinkState.STOPPED
        assert world.clock.getDelayedCalls() == []


def test_answers_nobody_waits_for_reach_the_owner() -> None:
    """SMPP check 10."""
    world = World()
    end = world.bind()
    answer = SubmitSmResp(message_id="1", sequence_number=77)
    end.receive(answer)
    assert world.handler.unmatched == [(None, answer)]
    end.lose()


def test_a_stopped_link_may_be_started_again() -> None:
    world = World()
    Deferred.fromCoroutine(world.link.stop())
    Deferred.fromCoroutine(world.link.start())
    Deferred.fromCoroutine(world.link.start())
    assert len(world.endpoint.attempts) == 2
    world.bind().lose()


class Fragile(Handler):
    """Fails when it hears of an end."""

    def session_ended(self, *_: Any) -> None:
        raise ZeroDivisionError


def test_a_fault_of_the_owner_does_not_end_the_link() -> None:
    world = World(bind_spacing_s=0.0)
    world.link._handler = Fragile()
    end = world.bind()
    with pytest.raises(ZeroDivisionError):
        end.lose()
    assert world.attempts_within(1) == 1


@pytest.mark.parametrize(("options", "words"), [
    ({"interface_version": 0x33}, "interface_version"), ({"window": 0}, "window"),
])  # fmt: skip
def test_a_link_that_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    """SMPP check 26: no transceiver in 3.3."""
    with pytest.raises(ValueError, match=words):
        LinkConfig(name="x", host="h", port=1, system_id="s", password="p", **options)


def test_a_password_is_not_in_the_representation_of_a_link() -> None:
    config = LinkConfig(name="x", host="h", port=1, system_id="s", password="secret1", tlv=TlvPolicy.NEVER)
    assert "secret1" not in repr(config)


def test_a_bind_that_is_accepted_and_ended_in_one_breath_is_not_called_refused() -> None:
    """What the operator reads must not be "refused with status 0"."""
    for farewell in (encode(Unbind(sequence_number=5)), b"\xff\xff\xff\xff" + bytes(12)):
        world = World()
        end = world.accept()
        end.turn()
        end.link.dataReceived(encode(BindTransceiverResp(system_id="SMSC", sequence_number=1)) + farewell)
        end.lose()
        state, why = world.states[-1]
        assert (state, why.split(";")[0]) == (
            LinkState.WAITING, "the peer accepted the bind and ended the session with it"
        )  # fmt: skip
        assert world.handler.bound_links == []
        Deferred.fromCoroutine(world.link.stop())


# outbind.


class Outbound:
    """Our listener for outbind, and the SMSC that connects to it."""

    def __init__(self, *, accepts: bool = True) -> None:
        self.clock = Clock()
        self.handler = Handler()
        config = LinkConfig(
            name="x", host="h", port=1, system_id="gateway", password="secret1", bind=BindKind.TRANSMITTER
        )
        factory = OutbindFactory(
            config, self.handler, accepts=lambda outbind, _host: accepts and outbind.system_id == "SMSC",
            clock=self.clock,
        )  # fmt: skip
        self.end = End.__new__(End)
        self.end.clock, self.end.handler, self.end.transport = self.clock, self.handler, Transport()
        self.end.link = factory.buildProtocol(None)
        self.end.link.makeConnection(self.end.transport)

    def say(self, pdu: Pdu) -> None:
        self.end.receive(pdu)


def test_outbind_is_answered_with_bind_receiver() -> None:
    """SMPP check 25."""
    world = Outbound()
    world.say(Outbind(system_id="SMSC", password="x", sequence_number=1))
    assert world.end.turn() == [BindReceiver(system_id="gateway", password="secret1", sequence_number=1)]
    world.say(BindReceiverResp(system_id="SMSC", sequence_number=1))
    assert world.handler.bound_links == [world.end.link]
    world.end.lose()


def test_a_strangers_outbind_is_hung_up_on() -> None:
    """SMPP check 25."""
    world = Outbound(accepts=False)
    world.say(Outbind(system_id="SMSC", sequence_number=1))
    assert world.end.transport.disconnecting
    assert world.end.turn() == []
    world.end.lose()


def test_a_connection_without_outbind_and_a_refused_bind_are_closed() -> None:
    """SMPP checks 20, 25."""
    silent, refused = Outbound(), Outbound()
    silent.clock.advance(5)
    refused.say(Outbind(system_id="SMSC", sequence_number=1))
    refused.end.turn()
    refused.say(BindReceiverResp(command_status=0x0D, sequence_number=1))
    for world in (silent, refused):
        assert world.end.transport.disconnecting
        world.end.link.connectionLost(Failure(ConnectionDone()))
    assert isinstance(silent.end.link.session, Session)
