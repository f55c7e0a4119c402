"""Peers whose machine is gone, and peers that read nothing: noticed in time, and nothing piles up for them."""

import ctypes
import socket
import struct
from typing import Any

import pytest
import pytest_twisted
from hostile_smscs import Watched, link_to, network, pause, reactor
from smpp_samples import submit_sm
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from sms.smpp.codec import decode, encode
from sms.smpp.config import TlvPolicy
from sms.smpp.constants import Tag
from sms.smpp.pdu import BindTransceiverResp
from sms.smpp.tcp import tune

SO_ATTACH_FILTER = 26
DROP_EVERYTHING = struct.pack("HBBI", 0x06, 0, 0, 0)
"""One instruction of the classic packet filter: return 0 octets of every packet."""
LATE_S = 2.0
WINDOW = 20
PAYLOAD = 60_000

linux_only = pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the packet filter is Linux's")


def vanish(peer: socket.socket) -> None:
    """From now on this socket acknowledges nothing and says nothing, as when its machine lost power."""
    code = ctypes.create_string_buffer(DROP_EVERYTHING)
    program = struct.pack("HxxxxxxP", 1, ctypes.addressof(code))
    peer.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


async def accepted(listening: socket.socket) -> socket.socket:
    listening.setblocking(False)
    while True:
        try:
            peer, _ = listening.accept()
        except BlockingIOError:
            await pause(0.01)
        else:
            peer.setblocking(False)
            return peer


async def read(peer: socket.socket) -> bytes:
    while True:
        try:
            return peer.recv(65_536)
        except BlockingIOError:
            await pause(0.01)


@linux_only
@pytest_twisted.ensureDeferred
async def test_a_peer_whose_machine_is_gone_is_noticed_in_enquire_link_and_response_time() -> None:
    """Reliability test 8, G8: no FIN, no RST, no acknowledgement."""
    owner = Watched("vanished")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        async with link_to(port, owner, enquire_link_s=0.6, response_timeout_s=0.6):
            peer = await accepted(listening)
            with peer:
                bind = decode(await read(peer))
                peer.send(encode(BindTransceiverResp(system_id="S", sequence_number=bind.sequence_number)))
                while not owner.is_bound:
                    await pause(0.01)
                vanish(peer)
                gone_at = reactor.seconds()
                while not owner.ended_at:
                    await pause(0.02)
    assert owner.ended_at[0] - gone_at < 1.2 + LATE_S
    assert owner.kinds_of_end == {"PeerSilent"}


class Ended(Protocol):
    """Remembers why."""

    reason: Failure | None = None

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment] # noqa: N802 - Twisted's
        self.reason = reason


@linux_only
@pytest_twisted.ensureDeferred
async def test_a_peer_whose_machine_is_gone_is_noticed_by_the_kernel_too() -> None:
    """TCP_USER_TIMEOUT: without it the kernel would try for a quarter of an hour."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = Ended()
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", listening.getsockname()[1]), ours)
        with await accepted(listening) as peer:
            transport: Any = ours.transport
            tune(transport, 1.0)
            vanish(peer)
            began = reactor.seconds()
            transport.write(b"is anybody there")
            while ours.reason is None and reactor.seconds() - began < 10:
                await pause(0.05)
            assert ours.reason is not None
            assert ours.reason.check(ConnectionLost), ours.reason
            assert reactor.seconds() - began < 1.0 + LATE_S


@pytest_twisted.ensureDeferred
async def test_what_waits_for_a_peer_that_does_not_read_is_bounded() -> None:
    """Reliability test 13, S18: at most a window of requests, then the caller waits, then the link is closed."""
    owner = Watched("not_reading")
    async with (
        network("not_reading") as running,
        link_to(running.smpp_port, owner, enquire_link_s=0.8, response_timeout_s=0.8, window=WINDOW,
                tlv=TlvPolicy.ALWAYS) as link,
    ):  # fmt: skip
        session = await link.wait_bound()
        transport: Any = session.transport
        taken = 0
        while session.window_free:
            payload = submit_sm(short_message=b"", tlvs=((int(Tag.MESSAGE_PAYLOAD), bytes(PAYLOAD)),))
            session.try_request(payload, owner._answered)
            taken += 1
        assert taken == WINDOW - 4, "the owner submitted four when it was bound"
        waiting_max = 0
        while not owner.ended_at:
            waiting_max = max(waiting_max, transport._tempDataLen + len(transport.dataBuffer))
            await pause(0.01)
        assert waiting_max < WINDOW * (PAYLOAD + 200)
        assert owner.outcomes["OutcomeUnknown"] + owner.outcomes["ResponseTimeout"] >= WINDOW
    assert owner.kinds_of_end <= {"PeerSilent", "PeerNotReading"}
