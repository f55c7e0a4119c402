"""The SMSC listener: who is let in, how many, and who is told."""

from typing import Any

import pytest
from smpp_ends import End, Handler, Transport
from smpp_samples import deliver_sm, submit_sm
from twisted.internet.task import Clock

from sms.smpp.config import Timing
from sms.smpp.constants import CommandStatus as Status
from sms.smpp.constants import Tag
from sms.smpp.events import Direction
from sms.smpp.pdu import (
    Bind,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    SubmitSmResp,
)
from sms.smpp.server import Accepted, SmscFactory


class World:
    """A listener with one account, and connections to it."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.handler = Handler()
        self.asked: list[tuple[str, str]] = []
        self.factory = SmscFactory(
            self.handler, authenticate=self._authenticate, clock=self.clock, timing=Timing(), **options
        )

    def _authenticate(self, bind: Bind, host: str) -> Accepted | Status:
        self.asked.append((bind.system_id, host))
        if bind.password != "secret1":
            return Status.ESME_RINVPASWD
        return Accepted(system_id="OURSMSC", window=3)

    def connect(self) -> End:
        end = End.__new__(End)
        end.clock, end.handler, end.transport = self.clock, self.handler, Transport()
        link = self.factory.buildProtocol(None)
        assert link is not None
        end.link = link
        link.makeConnection(end.transport)
        return end


def test_a_bind_is_decided_by_who_asks_and_from_where() -> None:
    """SMPP check 15."""
    world = World()
    end = world.connect()
    end.receive(BindTransceiver(system_id="gateway", password="secret1", sequence_number=1))
    end.receive(submit_sm())
    assert world.asked == [("gateway", "192.168.1.1")]
    assert end.sent() == [
        BindTransceiverResp(system_id="OURSMSC", sequence_number=1, tlvs=((int(Tag.SC_INTERFACE_VERSION), b"\x50"),)),
        SubmitSmResp(message_id="m7", sequence_number=7),
    ]
    assert end.link.window == 3
    assert world.handler.bound_links == [end.link]
    end.lose()
    assert world.factory.sessions == set()
    assert len(world.handler.ended) == 1


def test_a_wrong_password_is_refused_and_may_be_corrected() -> None:
    """SMPP checks 12, 19."""
    world = World()
    end = world.connect()
    end.receive(BindTransmitter(system_id="gateway", password="wrong", sequence_number=1))
    assert end.sent() == [BindTransmitterResp(command_status=Status.ESME_RINVPASWD, sequence_number=1)]
    assert world.handler.bound_links == []
    end.receive(BindTransmitter(system_id="gateway", password="secret1", sequence_number=2))
    assert end.sent()[0].command_status == Status.ESME_ROK
    end.lose()


def test_two_sessions_of_one_name_are_a_policy_not_an_error() -> None:
    """SMPP check 18."""
    world = World()
    ends = [world.connect() for _ in range(2)]
    for end in ends:
        end.receive(BindTransceiver(system_id="gateway", password="secret1", sequence_number=1))
        assert end.sent()[0].command_status == Status.ESME_ROK
    assert world.factory.sessions == {end.link for end in ends}
    for end in ends:
        end.lose()


@pytest.mark.parametrize("most", [1, 3])
def test_there_are_only_so_many_connections(most: int) -> None:
    world = World(connections_max=most)
    ends = [world.connect() for _ in range(most)]
    assert world.factory.buildProtocol(None) is None
    ends.pop().lose()
    ends.append(world.connect())
    for end in ends:
        end.lose()


def test_a_response_nobody_waits_for_is_passed_on() -> None:
    """SMPP check 10."""
    world = World()
    end = world.connect()
    end.receive(SubmitSmResp(message_id="1", sequence_number=5))
    assert world.handler.unmatched == [(None, SubmitSmResp(message_id="1", sequence_number=5))]
    end.lose()


def test_a_tap_knows_which_connection_it_sees() -> None:
    seen: list[tuple[Any, Direction, str]] = []
    world = World(tap=lambda link, direction, _octets, pdu: seen.append((link, direction, pdu.name)))
    end = world.connect()
    end.receive(BindTransceiver(system_id="gateway", password="secret1", sequence_number=1))
    end.link.try_request(deliver_sm(), lambda _: None)
    assert seen == [
        (end.link, Direction.RECEIVED, "bind_transceiver"),
        (end.link, Direction.SENT, "bind_transceiver_resp"),
        (end.link, Direction.SENT, "deliver_sm"),
    ]
    end.lose()
