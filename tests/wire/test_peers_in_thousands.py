"""Many messages with receipts between us and software nobody here wrote, as ESME and as SMSC: all accounted for.

100 messages with each peer by default, 1,000 with FIRSTCHARGE_LONG=1; Wireshark reads every octet of it.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

import aiosmpplib
import pytest
import pytest_twisted
import smpp34
import smpplib.client
import smpplib.consts
from aiosmpplib.hook import AbstractHook
from aiosmpplib.state import PhoneNumber
from sending_half import Manner, Programme, message
from sim_process import SimProcess
from system import free_ports
from twisted.internet import reactor as _reactor
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol

from gateway.database import open_engine
from sms.outbox import metadata
from sms.smpp.events import Direction
from sms.smpp.pcap import Record, write_pcap
from sms.smpp.pdu import Pdu

reactor: Any = _reactor
HERE = Path(__file__).parent
PEERS = Path(os.environ.get("FIRSTCHARGE_PEERS_DIR", HERE.parents[1] / ".peers"))
NODE_ENVIRON = {**os.environ, "NODE_PATH": str(PEERS / "node_modules")}
TWISTED3 = PEERS / "twisted3" / "bin" / "python"
COUNT = 1_000 if os.environ.get("FIRSTCHARGE_LONG") == "1" else 100
SECONDS_MAX = 60.0

needs_node = pytest.mark.skipif(
    which("node") is None or not (PEERS / "node_modules" / "smpp").is_dir(),
    reason="node's smpp, a peer, is not installed: make peers",
)
needs_twisted3 = pytest.mark.skipif(
    not TWISTED3.exists(), reason="smpp.twisted3, a peer, is not installed: make peers"
)
needs_tshark = pytest.mark.skipif(which("tshark") is None, reason="tshark, a peer, is not installed")


@dataclass
class Seen:
    """What an ESME saw: ids of answers, ids of receipts."""

    accepted: list[str]
    receipted: list[str]


def _judge(capture: Path, port: int) -> int:
    """Wireshark finds nothing malformed; how many PDUs it saw."""
    command = ["tshark", "-r", str(capture), "-d", f"tcp.port=={port},smpp"]

    def tshark(*options: str) -> list[str]:
        return subprocess.run([*command, *options], capture_output=True, check=True, text=True).stdout.split()

    assert tshark("-Y", "_ws.malformed || tcp.analysis.flags") == []
    found = tshark("-Y", "smpp", "-T", "fields", "-e", "smpp.command_id", "-E", "separator=,")
    return len(",".join(found).split(","))


# Their ESMEs, our SMSC.


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimProcess]:
    process = SimProcess(tmp_path_factory.mktemp("sim"))
    yield process
    assert process.stop() == (0, "")


def _through_smpplib(port: int) -> Seen:
    seen = Seen([], [])
    client = smpplib.client.Client("127.0.0.1", port, timeout=30, allow_unknown_opt_params=True)
    client.set_message_sent_handler(lambda pdu: seen.accepted.append(pdu.message_id.decode()))
    client.set_message_received_handler(lambda pdu: seen.receipted.append(pdu.receipted_message_id.decode()))
    client.connect()
    client.bind_transceiver(system_id="demo", password="demo")
    for number in range(COUNT):
        client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
            source_addr="PEER",
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            destination_addr=str(79160000000 + number),
            short_message=f"hello {number}".encode(),
            registered_delivery=True,
        )
        while len(seen.accepted) < number - 10:
            client.read_once()
    while len(seen.accepted) < COUNT or len(seen.receipted) < COUNT:
        client.read_once()
    client.unbind()
    client.disconnect()
    return seen


def _through_program(*command: str, environ: dict[str, str] | None = None) -> Seen:
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert ran.returncode == 0, (ran.stdout[-2000:], ran.stderr[-2000:])
    said = json.loads(ran.stdout)
    return Seen(said["accepted"], said["receipted"])


def _through_node(port: int) -> Seen:
    return _through_program("node", str(HERE / "peer_esme.js"), str(port), str(COUNT), environ=NODE_ENVIRON)


def _through_twisted3(port: int) -> Seen:
    return _through_program(str(TWISTED3), str(HERE / "peer_twisted3_esme.py"), str(port), str(COUNT))


class _Hook(AbstractHook):
    def __init__(self) -> None:
        self.seen = Seen([], [])
        self.answered = asyncio.Semaphore(50)
        self.complete = asyncio.Event()

    async def sending(self, *_: Any) -> None:
        pass

    async def received(self, smpp_message: Any, *_: Any) -> None:
        if isinstance(smpp_message, aiosmpplib.DeliverSm):
            self.seen.receipted.append(smpp_message.parse_receipt()["id"])
            self.answered.release()
        elif isinstance(smpp_message, aiosmpplib.SubmitSmResp):
            self.seen.accepted.append(smpp_message.message_id)
        if len(self.seen.accepted) == len(self.seen.receipted) == COUNT:
            self.complete.set()

    async def send_error(self, _: Any, error: Exception, *__: Any) -> None:
        raise error


async def _aiosmpplib(port: int) -> Seen:
    hook = _Hook()
    esme = aiosmpplib.ESME(
        smsc_host="127.0.0.1", smsc_port=port, system_id="demo", password="demo", hook=hook, log_level="CRITICAL"
    )
    running = asyncio.create_task(esme.start())
    for number in range(COUNT):
        await hook.answered.acquire()
        await esme.broker.enqueue(
            aiosmpplib.SubmitSm(
                short_message=f"привет {number}",
                source=PhoneNumber("PEER"),
                destination=PhoneNumber(str(79160000000 + number)),
                log_id=str(number),
                registered_delivery=1,
            )
        )
    await asyncio.wait_for(hook.complete.wait(), SECONDS_MAX)
    await esme.stop()
    await asyncio.wait([running], timeout=5)
    return hook.seen


def _through_aiosmpplib(port: int) -> Seen:
    return asyncio.run(_aiosmpplib(port))


async def _smpp34(port: int) -> Seen:
    client = smpp34.Client(host="127.0.0.1", port=port, system_id="demo", password="demo", bind_type="TRX")
    smsc = await client.connect()
    at_once = asyncio.Semaphore(20)

    async def submit(number: int) -> str:
        async with at_once:
            text = f"hello {number}".encode()
            to = str(79160000000 + number)
            answer = await smsc.submit_sm(to, text, source_addr="4401", registered_delivery=1)
        assert answer.message_id is not None
        return answer.message_id

    accepted = asyncio.gather(*(submit(number) for number in range(COUNT)))
    receipted: list[str] = []
    while len(receipted) < COUNT:
        event = await asyncio.wait_for(smsc.next(), SECONDS_MAX)
        assert isinstance(event, smpp34.DeliverSmEvent)
        ids = [one.as_string() for one in event.tlvs if one.tag == smpp34.TLV_RECEIPTED_MESSAGE_ID]
        receipted += [one.rstrip("\0") for one in ids if one is not None]
    seen = Seen(list(await accepted), receipted)
    await smsc.unbind()
    await client.stop()
    return seen


def _through_smpp34(port: int) -> Seen:
    return asyncio.run(_smpp34(port))


ESMES = [
    pytest.param(_through_smpplib, id="smpplib"),
    pytest.param(_through_node, id="node", marks=needs_node),
    pytest.param(_through_aiosmpplib, id="aiosmpplib"),
    pytest.param(_through_smpp34, id="smpp34"),
    pytest.param(_through_twisted3, id="twisted3", marks=needs_twisted3),
]


@needs_tshark
@pytest.mark.parametrize("through", ESMES)
def test_an_esme_of_theirs_gets_an_answer_and_a_receipt_for_every_message(
    through: Any, sim: SimProcess, tmp_path: Path
) -> None:
    before = {one["id"] for one in sim.ok("GET", "/sim/smsc/messages")["items"]}
    began = time.monotonic()
    seen = through(sim.smpp_port)
    print(f"{COUNT} messages in {time.monotonic() - began:.1f} s")
    held = {one["id"] for one in sim.ok("GET", "/sim/smsc/messages")["items"]} - before
    assert len(seen.accepted) == len(set(seen.accepted)) == len(held) == COUNT
    assert set(seen.accepted) == set(seen.receipted) == held
    assert len(seen.receipted) >= COUNT  # smpp34 refuses some for want of room, and gets them again
    status, octets = sim.http("GET", "/sim/capture.pcap")
    assert status == 200
    capture = tmp_path / "esme.pcap"
    capture.write_bytes(octets)
    assert _judge(capture, sim.smpp_port) >= 4 * COUNT


# Their SMSCs, our outbox and link.


class Child(ProcessProtocol):
    """An SMSC process: when it is ready, and the texts it accepted."""

    def __init__(self) -> None:
        self.ready: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.said = b""
        self.complaints = b""

    def outReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self.said += data
        if b"ready\n" in self.said and not self.ready.called:
            self.ready.callback(None)

    def errReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self.complaints += data

    def processEnded(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        del reason
        if not self.ready.called:
            self.ready.errback(AssertionError(self.complaints.decode()))
        self.ended.callback(None)

    @property
    def texts(self) -> list[str]:
        """What it accepted."""
        return [line for line in self.said.decode().splitlines() if line != "ready"]


SMSCS = [
    pytest.param(["node", str(HERE / "peer_smsc.js")], id="node", marks=needs_node),
    pytest.param([sys.executable, str(HERE / "peer_rust_smsc.py")], id="smpp34"),
    pytest.param([str(TWISTED3), str(HERE / "peer_twisted3_smsc.py")], id="twisted3", marks=needs_twisted3),
]


async def _sent_through(port: int, child: Child, folder: Path) -> tuple[list[Record], int]:
    """Everything queued is delivered, or it is said what was not: what was on the wire, and how many receipts."""
    url = f"sqlite:///{folder / 'outbox.sqlite3'}"
    engine = open_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    records: list[Record] = []

    def tap(direction: Direction, octets: bytes, _pdu: Pdu | None) -> None:
        sent = direction is Direction.SENT
        records.append(Record(at=1_741_000_000 + len(records) / 1000, connection=1, to_smsc=sent, octets=octets))

    programme = Programme(url, port, Manner(window=10), tap=tap)
    await programme.start()
    try:
        await programme.queue(*(message(f"m{at}", str(79160000000 + at)) for at in range(COUNT)))
        end = reactor.seconds() + SECONDS_MAX
        while set((await programme.states()).values()) != {"delivered"}:
            assert reactor.seconds() < end, (await programme.states(), child.complaints)
            await task.deferLater(reactor, 0.1)
        return records, programme.counters.receipts
    finally:
        await programme.stop()


@needs_tshark
@pytest.mark.parametrize("command", SMSCS)
@pytest_twisted.ensureDeferred
async def test_an_smsc_of_theirs_takes_every_message_once_and_its_receipts_are_all_matched(
    command: list[str], tmp_path: Path
) -> None:
    [port] = free_ports(1)
    child = Child()
    process = reactor.spawnProcess(child, command[0], [*command, str(port)], env=NODE_ENVIRON)
    try:
        await child.ready
        began = time.monotonic()
        records, receipts = await _sent_through(port, child, tmp_path)
        print(f"{COUNT} messages in {time.monotonic() - began:.1f} s")
        assert sorted(child.texts) == sorted(f"Message m{at}" for at in range(COUNT))
        assert receipts >= COUNT
    finally:
        process.signalProcess("KILL")
        await child.ended
    capture = tmp_path / "smsc.pcap"
    capture.write_bytes(write_pcap(records, smsc_port=port))
    assert _judge(capture, port) == len(records) >= 4 * COUNT
