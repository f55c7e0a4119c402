"""Every fault of /sim/faults, seen from an ESME's end of the wire."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sim_process import A, RawEsme, SimProcess, bind_of

from sms.errors import SmppError
from sms.smpp import (
    CommandStatus,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    MessageState,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Tag,
    Unbind,
    UnbindResp,
    decode,
)

CONFIGURATION = """
[simulator]
delivery_retry_s = 0.2
bind_deadline_s = 1
"""


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimProcess]:
    process = SimProcess(tmp_path_factory.mktemp("sim"), CONFIGURATION)
    yield process
    status, complaints = process.stop()
    assert (status, complaints) == (0, "")


@pytest.fixture
def peer(sim: SimProcess) -> Iterator[RawEsme]:
    sim.ok("DELETE", "/sim/faults")
    sim.ok("DELETE", f"/sim/handsets/{A}/inbox")
    connected = sim.raw()
    yield connected
    connected.close()
    sim.ok("DELETE", "/sim/faults")


def submit(number: int = 0, **fields: Any) -> SubmitSm:
    return SubmitSm(
        sequence_number=number,
        source_addr_ton=5,
        source_addr="CASHBACK",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=A,
        short_message=b"hello",
        **fields,
    )


def exchange(peer: RawEsme, count: int, **fields: Any) -> list[Pdu]:
    """Submit so many at once and take whatever comes until it is quiet; receipts are answered."""
    for _ in range(count):
        peer.send(submit(**fields))
    got: list[Pdu] = []
    while True:
        try:
            pdu = peer.read(0.5)
        except TimeoutError:
            return got
        assert pdu is not None
        got.append(pdu)
        if isinstance(pdu, DeliverSm):
            peer.send(DeliverSmResp(sequence_number=pdu.sequence_number))


def answers(got: list[Pdu]) -> list[SubmitSmResp]:
    return [one for one in got if isinstance(one, SubmitSmResp)]


def receipts(got: list[Pdu]) -> list[DeliverSm]:
    return [one for one in got if isinstance(one, DeliverSm)]


def test_delayed_answers_come_later(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(response={"delay_ms": [200, 250]})
    began = time.monotonic()
    assert peer.ask(submit()).command_status == 0
    assert 0.19 < time.monotonic() - began < 1


def test_enquire_link_is_answered_at_once_whatever_the_faults(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(response={"delay_ms": 3_000, "drop": 1}, malformed=1, rate_limit_per_s=1)
    began = time.monotonic()
    assert peer.ask(EnquireLink()).command_status == 0
    assert time.monotonic() - began < 0.5


def test_a_dropped_answer_belongs_to_an_accepted_message(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(response={"drop": 1})
    assert answers(exchange(peer, 3)) == []
    assert len(sim.inbox()) == 3


def test_dropped_answers_leave_nothing_open(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(response={"drop": 1})
    assert answers(exchange(peer, 30)) == []
    sim.ok("DELETE", "/sim/faults")
    assert [one.command_status for one in answers(exchange(peer, 3))] == [0, 0, 0]
    links = sim.ok("GET", "/sim/smsc/links")["links"]
    assert [one["unanswered"] for one in links] == [0] * len(links)
    peer.send(Unbind())
    assert isinstance(peer.read(1), UnbindResp)
    assert peer.read(1) is None


def test_some_answers_are_dropped_and_the_same_seed_drops_the_same(sim: SimProcess, peer: RawEsme) -> None:
    def numbers() -> list[int]:
        sim.faults(seed=5, response={"drop": 0.5})
        first = peer._number
        return [one.sequence_number - first for one in answers(exchange(peer, 20))]

    once = numbers()
    assert 0 < len(once) < 20
    assert numbers() == once


def test_a_doubled_answer_is_the_same_octets_twice(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(response={"duplicate": 1})
    got = answers(exchange(peer, 1))
    assert len(got) == 2
    assert got[0].message_id == got[1].message_id
    assert len(sim.inbox()) == 1


def test_reordered_answers_all_come(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(seed=2, response={"reorder": 0.5})
    got = [one.sequence_number for one in answers(exchange(peer, 20))]
    assert len(got) == 20
    assert got != sorted(got)
    assert sorted(got) == list(range(min(got), min(got) + 20))


def test_a_status_refuses_the_message_itself(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(response={"status": {"ESME_RMSGQFUL": 1}})
    got = answers(exchange(peer, 3, registered_delivery=1))
    assert [one.command_status for one in got] == [CommandStatus.ESME_RMSGQFUL] * 3
    assert sim.inbox() == []


def test_a_rate_limit_throttles_what_is_over_it(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(rate_limit_per_s=5)
    statuses = [one.command_status for one in answers(exchange(peer, 9))]
    assert statuses == [0] * 5 + [CommandStatus.ESME_RTHROTTLED] * 4


def test_receipts_can_be_late(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(receipt={"delay_ms": 300})
    peer.send(submit(registered_delivery=1))
    assert isinstance(peer.read(), SubmitSmResp)
    began = time.monotonic()
    late = peer.read()
    assert isinstance(late, DeliverSm)
    assert time.monotonic() - began > 0.25
    peer.send(DeliverSmResp(sequence_number=late.sequence_number))


@pytest.mark.parametrize(("fault", "copies"), [({"drop": 1}, 0), ({"duplicate": 1}, 2)])
def test_s61_receipts_can_be_lost_and_doubled(sim: SimProcess, peer: RawEsme, fault: Any, copies: int) -> None:
    sim.faults(receipt=fault)
    got = receipts(exchange(peer, 1, registered_delivery=1))
    assert len(got) == copies
    assert len({one.short_message for one in got}) <= 1


def test_s61_a_receipt_can_overtake_its_own_answer(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(receipt={"before_response": 1})
    got = exchange(peer, 1, registered_delivery=1)
    assert [type(one) for one in got] == [DeliverSm, SubmitSmResp]


@pytest.mark.parametrize("form", ["as_sent", "hex", "decimal", "no_zeros"])
def test_the_id_in_a_receipts_text_can_have_another_form(sim: SimProcess, peer: RawEsme, form: str) -> None:
    sim.faults(receipt={"id_form": form})
    got = exchange(peer, 1, registered_delivery=1)
    (answer,), (receipt,) = answers(got), receipts(got)
    assert answer.message_id is not None
    number = int(answer.message_id, 16)
    written = {"as_sent": answer.message_id, "hex": f"{number:x}", "decimal": str(number), "no_zeros": f"{number:X}"}
    assert receipt.short_message.decode().startswith(f"id:{written[form]} ")
    assert receipt.tlv(Tag.RECEIPTED_MESSAGE_ID) == answer.message_id.encode() + b"\0"


def test_messages_can_fail_on_their_way(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(receipt={"states": {"EXPIRED": 1}})
    (receipt,) = receipts(exchange(peer, 1, registered_delivery=1))
    assert b" dlvrd:000 " in receipt.short_message
    assert b" stat:EXPIRED " in receipt.short_message
    assert receipt.tlv_int(Tag.MESSAGE_STATE) == MessageState.EXPIRED
    assert receipt.tlv(Tag.NETWORK_ERROR_CODE) is not None
    assert sim.inbox() == []


def test_malformed_answers_break_the_protocol_in_one_of_four_ways(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(seed=3, malformed=1)
    for _ in range(10):
        peer.send(submit())
        octets = peer.read_octets()
        if octets is None or len(octets) < 16:
            break  # a length that cannot be: nothing after it can be read
        with pytest.raises(SmppError):
            decode(octets)
    assert len(sim.inbox()) > 0


# Links.


def test_down_drops_the_links_and_refuses_new_ones_until_it_is_up(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(link="down")
    assert peer.is_closed(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", sim.smpp_port), timeout=1)
    sim.faults(link="up")
    again = sim.raw()
    assert again.ask(submit()).command_status == 0
    again.close()


def test_half_open_says_nothing_and_closes_nothing(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(link="half_open")
    peer.send(EnquireLink())
    peer.send(submit())
    with pytest.raises(TimeoutError):
        peer.read(1.5)
    assert sim.inbox() == []
    late = sim.raw(bound=False)
    late.send(bind_of())
    with pytest.raises(TimeoutError):
        late.read(1.3)
    sim.faults(link="up")
    assert peer.is_closed(1)
    assert late.is_closed(1)


def test_refuse_bind_ends_the_links_and_answers_binds_with_rbindfail(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(link="refuse_bind")
    assert peer.is_closed(1)
    refused = sim.raw(bound=False)
    assert refused.ask(bind_of()).command_status == CommandStatus.ESME_RBINDFAIL
    refused.close()


def test_what_waited_while_the_link_was_down_comes_when_it_is_up(sim: SimProcess, peer: RawEsme) -> None:
    sim.faults(receipt={"delay_ms": 300})
    assert peer.ask(submit(registered_delivery=1)).command_status == 0
    sim.faults(link="down", receipt={"delay_ms": 300})
    time.sleep(0.4)
    sim.faults(link="up")
    again = sim.raw()
    got = again.read()
    assert isinstance(got, DeliverSm)
    again.send(DeliverSmResp(sequence_number=got.sequence_number))
    again.close()


def test_faults_are_shown_as_they_were_put_and_cleared(sim: SimProcess, peer: RawEsme) -> None:
    document = sim.ok("PUT", "/sim/faults", {"seed": 3, "response": {"drop": 0.5}, "link": "up"})
    assert sim.ok("GET", "/sim/faults") == document
    assert sim.ok("PUT", "/sim/faults", document) == document
    assert (document["seed"], document["response"]["drop"], document["malformed"]) == (3, 0.5, 0)
    assert sim.ok("DELETE", "/sim/faults")["response"]["drop"] == 0
    status, problem = sim.http("PUT", "/sim/faults", {"response": {"drop": 2}, "lnik": "up"})
    assert (status, problem["code"]) == (400, "INVALID")
    assert {one["field"] for one in problem["errors"]} == {"response.drop", "lnik"}
