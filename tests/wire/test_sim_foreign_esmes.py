"""ESMEs that nobody here wrote, bound to the simulator: their reading of the standard against ours."""

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import aiosmpplib
import pytest
import smpp34
import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm
from aiosmpplib.hook import AbstractHook
from aiosmpplib.state import PhoneNumber
from sim_process import A, SimProcess

LONG = "Начислено 100 р кэшбэка: Ozon. Доступно с 01.04. Баланс: *100*1# " * 4


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimProcess]:
    process = SimProcess(tmp_path_factory.mktemp("sim"))
    yield process
    status, complaints = process.stop()
    assert (status, complaints) == (0, "")


@pytest.fixture(autouse=True)
def empty(sim: SimProcess) -> None:
    sim.ok("DELETE", "/sim/faults")
    sim.ok("DELETE", f"/sim/handsets/{A}/inbox")


# smpplib: blocking.


class Blocking:
    """smpplib's client, which hands out what it reads through callbacks."""

    def __init__(self, sim: SimProcess, **bind: str) -> None:
        self.sent: list[Any] = []
        self.received: list[Any] = []
        logger = logging.getLogger("smpplib.quiet")
        logger.setLevel(logging.CRITICAL)
        self.client = smpplib.client.Client(
            "127.0.0.1", sim.smpp_port, timeout=5, allow_unknown_opt_params=True, logger_name="smpplib.quiet"
        )
        self.client.set_message_sent_handler(self.took_answer)
        self.client.set_message_received_handler(self.took_delivery)
        self.client.connect()
        self.client.bind_transceiver(**{"system_id": "demo", "password": "demo", **bind})

    def took_answer(self, pdu: Any) -> None:
        self.sent.append(pdu)

    def took_delivery(self, pdu: Any) -> None:
        self.received.append(pdu)

    def submit(self, text: str, **fields: Any) -> None:
        parts, coding, esm_class = smpplib.gsm.make_parts(text)
        for part in parts:
            self.client.send_message(
                source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
                source_addr="CASHBACK",
                dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
                dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
                destination_addr=A,
                short_message=part,
                data_coding=coding,
                esm_class=esm_class,
                **fields,
            )

    def read_until(self, done: Any) -> None:
        end = time.monotonic() + 5
        while not done():
            assert time.monotonic() < end
            self.client.read_once()

    def close(self) -> None:
        self.client.unbind()
        self.client.disconnect()


def test_smpplib_submits_a_long_text_and_reads_a_receipt_for_each_part(sim: SimProcess) -> None:
    peer = Blocking(sim)
    peer.submit(LONG, registered_delivery=True)
    peer.read_until(lambda: len(peer.received) == len(peer.sent) == 4)
    peer.close()
    assert [one["text"] for one in sim.inbox()] == [LONG]
    assert {one.receipted_message_id for one in peer.received} == {one.message_id for one in peer.sent}
    assert {one.esm_class for one in peer.received} == {0x04}


def test_smpplib_reads_the_status_of_a_refused_bind(sim: SimProcess) -> None:
    with pytest.raises(smpplib.exceptions.PDUError) as refused:
        Blocking(sim, password="wrong")
    assert refused.value.args[1] == smpplib.consts.SMPP_ESME_RINVPASWD


def test_smpplib_queries_a_message(sim: SimProcess) -> None:
    peer = Blocking(sim)
    states: list[Any] = []
    peer.client.set_query_resp_handler(lambda pdu: states.append(pdu))  # noqa: PLW0108 - called by keyword
    peer.submit("hello")
    peer.read_until(lambda: peer.sent)
    peer.client.query_message(
        message_id=peer.sent[0].message_id.decode(),
        source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
        source_addr="CASHBACK",
    )
    peer.read_until(lambda: states)
    peer.close()
    assert states[0].message_state == smpplib.consts.SMPP_MESSAGE_STATE_DELIVERED


# aiosmpplib: asyncio.


class Recorder(AbstractHook):
    """What aiosmpplib tells of what it received."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.complete = asyncio.Event()
        self.receipts: list[Any] = []
        self.answers: list[Any] = []
        self.errors: list[Exception] = []

    async def sending(self, *_: Any) -> None:
        pass

    async def received(self, smpp_message: Any, *_: Any) -> None:
        if isinstance(smpp_message, aiosmpplib.DeliverSm):
            self.receipts.append(smpp_message)
            if len(self.receipts) == self.expected:
                self.complete.set()
        elif isinstance(smpp_message, aiosmpplib.SubmitSmResp):
            self.answers.append(smpp_message)

    async def send_error(self, _: Any, error: Exception, *__: Any) -> None:
        self.errors.append(error)


async def _through_aiosmpplib(port: int, count: int) -> Recorder:
    hook = Recorder(count)
    esme = aiosmpplib.ESME(
        smsc_host="127.0.0.1", smsc_port=port, system_id="demo", password="demo", hook=hook, log_level="CRITICAL"
    )
    running = asyncio.create_task(esme.start())
    for number in range(count):
        await esme.broker.enqueue(
            aiosmpplib.SubmitSm(
                short_message=f"привет {number}",
                source=PhoneNumber("CASHBACK"),
                destination=PhoneNumber(A),
                log_id=str(number),
                registered_delivery=1,
            )
        )
    await asyncio.wait_for(hook.complete.wait(), 10)
    await esme.stop()
    await asyncio.wait([running], timeout=5)
    return hook


def test_aiosmpplib_matches_every_receipt_to_its_message(sim: SimProcess) -> None:
    hook = asyncio.run(_through_aiosmpplib(sim.smpp_port, 20))
    assert hook.errors == []
    assert len(hook.receipts) == len(hook.answers) == 20
    assert sorted(one.log_id for one in hook.receipts) == sorted(str(number) for number in range(20))
    assert {one.parse_receipt()["stat"] for one in hook.receipts} == {"DELIVRD"}
    assert sorted(one["text"] for one in sim.inbox()) == sorted(f"привет {number}" for number in range(20))


# smpp34: asyncio over a Rust core.


async def _through_smpp34(port: int, count: int) -> tuple[list[Any], list[Any]]:
    client = smpp34.Client(host="127.0.0.1", port=port, system_id="demo", password="demo", bind_type="TRX")
    smsc = await client.connect()
    answers = await asyncio.gather(
        *(
            smsc.submit_sm(A, f"hello {number}".encode(), source_addr="4401", registered_delivery=1)
            for number in range(count)
        )
    )
    events = [await asyncio.wait_for(smsc.next(), 10) for _ in range(count)]
    await smsc.unbind()
    await client.stop()
    return answers, events


def test_smpp34_the_strictest_of_parsers_accepts_all_we_send(sim: SimProcess) -> None:
    answers, events = asyncio.run(_through_smpp34(sim.smpp_port, 200))
    assert all(one.is_success for one in answers)
    ids = {one.message_id for one in answers}
    assert len(ids) == 200
    receipted = {
        tlv.value.rstrip(b"\0").decode()
        for one in events
        for tlv in one.tlvs
        if tlv.tag == smpp34.TLV_RECEIPTED_MESSAGE_ID
    }
    assert receipted == ids
    assert len(sim.inbox()) == 200
