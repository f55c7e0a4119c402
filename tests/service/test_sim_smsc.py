"""The SMSC between an ESME played by hand and a clock that is advanced by hand."""

import random
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from sim_parts import unit_of
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from simulator import deliveries as deliveries_module
from simulator.capture import Capture
from simulator.deliveries import Deliveries
from simulator.faults import FaultPlan, Faults, ResponseFault
from simulator.habits import status_of
from simulator.handsets import Handsets
from simulator.messages import MessageStore
from simulator.responder import REORDER_SECONDS_MAX, Responder
from simulator.sessions import Accounts, BoundAccount, BoundSession
from simulator.settings import Account, Simulator
from simulator.smsc import Smsc
from simulator.timers import Timers
from simulator.ussd_centre import Screen, UssdCentre
from sms.smpp import CommandStatus, DeliverSm, Pdu, SubmitSm, SubmitSmResp, Tag, Unbind, decode, encode
from sms.smpp.config import Timing
from sms.smpp.constants import Ton
from sms.smpp.pdu import BindTransceiver, DataSm, DeliverSmResp, SmeAddress, SubmitMulti
from sms.smpp.server import SmscFactory
from ussd.wire import GENERIC

A, B = "79160000001", "79160000002"
NOW = datetime(2025, 3, 3, 12, tzinfo=UTC)
MALFORMED_BUT_FRAMED = 0


class StandingClock:
    """The network's clock, standing still."""

    def now(self) -> datetime:
        return NOW

    def stamp(self, _wall: float) -> datetime:
        return NOW

    minute = stamp

    def poke(self) -> None:
        """Nobody is asked."""


class Town:
    """One SMSC with one account, and one ESME bound to it."""

    def __init__(self, *, window: int = 1000, **faults: Any) -> None:
        self.clock = Clock()
        self.wall = 1_000.0
        account = Account(system_id="demo", password="demo", window=window)
        settings = Simulator()
        self.accounts = Accounts((account,), uniform_errors=False)
        self.plan = FaultPlan(rng_for_seed=random.Random)
        self.store = MessageStore(capacity=1_000)
        self.capture = Capture(capacity=100, wall=lambda: self.wall)
        quiet: Any = lambda _: None  # noqa: E731 - whatever changed
        ussd = self.ussd = UssdCentre(
            settings=settings, accounts=self.accounts, plan=self.plan, clock=self.clock, changed=quiet
        )
        standing: Any = StandingClock()
        self.smsc = Smsc(
            settings=settings,
            accounts=self.accounts,
            store=self.store,
            handsets=Handsets(self.store),
            plan=self.plan,
            ussd=ussd,
            capture=self.capture,
            network_clock=standing,
            clock=self.clock,
            wall=lambda: self.wall,
            changed=quiet,
        )
        factory = SmscFactory(
            self.smsc, authenticate=self.accounts.authenticate, clock=self.clock, timing=Timing(enquire_link_s=None)
        )
        link = factory.buildProtocol(None)
        assert link is not None
        self.link = link
        link.session.tap = self.capture.tap_of(link)
        self.transport = StringTransport()
        link.makeConnection(self.transport)
        self.number = 0
        self.ask(BindTransceiver(system_id="demo", password="demo"))
        self.plan.replace(Faults.model_validate(faults))
        self.smsc.obey(self.plan.faults)

    def receive(self, *pdus: Pdu) -> None:
        """The ESME's PDUs, come in one read."""
        for pdu in pdus:
            if not pdu.sequence_number:
                self.number += 1
                pdu.sequence_number = self.number
        self.link.dataReceived(b"".join(map(encode, pdus)))

    def frames(self) -> list[bytes]:
        """What was written since the last look."""
        self.clock.advance(0)
        stream, frames = self.transport.value(), []
        self.transport.clear()
        while stream:
            length = int.from_bytes(stream[:4], "big")
            frames.append(stream[:length])
            stream = stream[length:]
        return frames

    def sent(self) -> list[Pdu]:
        return [decode(one) for one in self.frames()]

    def ask(self, *pdus: Pdu) -> list[Pdu]:
        self.receive(*pdus)
        return self.sent()

    def statuses(self, *pdus: Pdu) -> list[int]:
        return [one.command_status for one in self.ask(*pdus)]


def submit(**fields: Any) -> SubmitSm:
    return SubmitSm(**{"source_addr": "4400", "destination_addr": A, "short_message": b"hello", **fields})


def in_payload(text: bytes) -> dict[str, Any]:
    return {"short_message": b"", "tlvs": ((Tag.MESSAGE_PAYLOAD, text),)}


def to_many(**fields: Any) -> SubmitMulti:
    destinations = tuple(SmeAddress(destination_addr=one) for one in (A, B))
    return SubmitMulti(**{"source_addr": "4400", "dest_addresses": destinations, "short_message": b"hello", **fields})


def data(text: bytes, **fields: Any) -> DataSm:
    return DataSm(source_addr="4400", destination_addr=A, tlvs=((Tag.MESSAGE_PAYLOAD, text),), **fields)


# Habits.


NAME: dict[str, Any] = {"source_addr": "CASHBACK", "source_addr_ton": int(Ton.ALPHANUMERIC)}
E_ACUTE = "café".encode("latin-1")
SOURCE_WRONG = CommandStatus.ESME_RINVSRCADR
REFUSED = CommandStatus.ESME_RSUBMITFAIL
TOO_LONG = CommandStatus.ESME_RINVMSGLEN


@pytest.mark.parametrize(
    "pdu",
    [
        submit(**NAME),
        to_many(**NAME),
        DataSm(destination_addr=A, tlvs=((Tag.MESSAGE_PAYLOAD, b"hello"),), **NAME),
    ],
    ids=lambda pdu: pdu.name,
)
def test_an_smsc_that_takes_no_names_takes_none_in_any_submission(pdu: Pdu) -> None:
    assert Town(habits={"names_as_senders": False}).statuses(pdu) == [SOURCE_WRONG]


@pytest.mark.parametrize(
    "pdu",
    [submit(short_message=E_ACUTE), submit(**in_payload(E_ACUTE)), to_many(short_message=E_ACUTE), data(E_ACUTE)],
    ids=["submit_sm", "message_payload", "submit_multi", "data_sm"],
)
def test_an_ascii_smsc_refuses_an_octet_above_127_wherever_it_stands(pdu: Pdu) -> None:
    assert Town(habits={"alphabet": "ascii"}).statuses(pdu) == [REFUSED]


def test_a_segment_of_octets_is_140_long_and_a_payload_longer() -> None:
    habits = {"alphabet": "latin1"}
    assert Town(habits=habits).statuses(
        submit(short_message=b"x" * 140),
        submit(short_message=b"x" * 141),
        to_many(short_message=b"x" * 141),
        submit(**in_payload(b"x" * 141)),
    ) == [0, TOO_LONG, TOO_LONG, 0]


@pytest.mark.parametrize("pdu", [submit(short_message=E_ACUTE), to_many(short_message=E_ACUTE), data(E_ACUTE)])
def test_a_latin1_smsc_reads_every_submission_in_its_alphabet(pdu: Pdu) -> None:
    town = Town(habits={"alphabet": "latin1"})
    assert town.statuses(pdu) == [0]
    assert [one.text for one in Handsets(town.store).inbox(A)] == ["café"]


# The window.


THROTTLED = CommandStatus.ESME_RTHROTTLED


def test_submissions_of_one_read_are_under_way_together_and_the_window_binds_them() -> None:
    town = Town(window=3)
    assert town.statuses(*(submit() for _ in range(5))) == [0, 0, 0, THROTTLED, THROTTLED]
    assert town.statuses(*(submit() for _ in range(3))) == [0, 0, 0]
    assert [town.statuses(submit()) for _ in range(5)] == [[0]] * 5


def test_the_window_of_a_habit_binds_without_a_delay_and_refuses_in_its_own_way() -> None:
    town = Town(habits={"window": 2, "throttle_status": "0x400"})
    assert town.statuses(to_many(), data(b"hello"), submit()) == [0, 0, 0x400]


def test_answers_held_back_count_with_those_of_the_read() -> None:
    town = Town(window=3, response={"delay_ms": 100})
    town.receive(submit(), submit())
    town.clock.advance(0.05)
    town.receive(submit(), submit())
    town.clock.advance(0.1)
    assert [one.command_status for one in town.sent()] == [0, 0, 0, THROTTLED]
    assert town.smsc.sessions()[0].unanswered == 0


def test_a_vendors_status_is_read_once() -> None:
    town = Town(rate_limit_per_s=1, habits={"throttle_status": "0x410"})
    status_of.cache_clear()
    assert town.statuses(*(submit() for _ in range(3))) == [0, 0x410, 0x410]
    assert status_of.cache_info().misses == 1


# Answers on their way out.


class Chosen(FaultPlan):
    """Faults as the test says instead of the dice."""

    def __init__(self, *faults: Any) -> None:
        super().__init__(rng_for_seed=random.Random)
        self.active = True
        self.response = map(ResponseFault, faults).__next__  # type: ignore[method-assign]


def given_answers(town: Town, *faults: Any) -> None:
    town.smsc._responder = Responder(Chosen(*faults), Timers(town.clock), send_raw=town.smsc._send_raw)
    town.plan.active = True


def numbers(pdus: list[Pdu]) -> list[int]:
    return [one.sequence_number for one in pdus if isinstance(one, SubmitSmResp)]


def test_the_timer_of_an_answer_that_went_does_not_release_the_next_one() -> None:
    town = Town()
    given_answers(town, "reorder", "none", "reorder")
    assert numbers(town.ask(submit(), submit())) == [3, 2]
    town.clock.advance(REORDER_SECONDS_MAX * 0.75)
    assert numbers(town.ask(submit())) == []
    town.clock.advance(REORDER_SECONDS_MAX * 0.5)
    assert numbers(town.sent()) == []
    town.clock.advance(REORDER_SECONDS_MAX * 0.6)
    assert numbers(town.sent()) == [4]
    assert town.smsc.sessions()[0].unanswered == 0


def test_an_answer_held_for_another_counts_against_the_window() -> None:
    town = Town(window=1)
    given_answers(town, "reorder", "none")
    town.receive(submit())
    assert town.smsc.sessions()[0].unanswered == 1
    assert [one.command_status for one in town.ask(submit())] == [THROTTLED, 0]


def test_a_session_that_left_ends_with_its_last_answer_also_when_that_is_malformed() -> None:
    town = Town(response={"delay_ms": 100}, malformed=1)
    town.plan.malformation = lambda: MALFORMED_BUT_FRAMED  # type: ignore[method-assign]
    town.receive(submit(), Unbind())
    assert not town.transport.disconnecting
    town.clock.advance(0.1)
    assert len(town.frames()) == 2
    assert town.transport.disconnecting


# Deliveries.


def test_what_is_refused_for_now_is_bounded_with_the_queue_oldest_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries_module, "QUEUE_MAX", 3)
    town = Town()
    queue = town.smsc.deliveries["demo"]
    for number in range(5):
        queue.send(DeliverSm(source_addr=A, destination_addr="4400", short_message=b"%d" % number))
        (delivered,) = town.sent()
        town.receive(
            DeliverSmResp(command_status=CommandStatus.ESME_RX_T_APPN, sequence_number=delivered.sequence_number)
        )
    assert (len(queue), queue.expired) == (3, 2)
    town.clock.advance(1)
    again = town.sent()
    assert [one.short_message for one in again if isinstance(one, DeliverSm)] == [b"2", b"3", b"4"]
    assert len(queue) == 0


def test_each_refused_delivery_comes_again_after_its_own_rest() -> None:
    town = Town()
    clock = town.clock
    queue: Deliveries = town.smsc.deliveries["demo"]
    came: list[tuple[float, bytes]] = []

    def look(seconds: float) -> None:
        clock.advance(seconds)
        for pdu in town.sent():
            assert isinstance(pdu, DeliverSm)
            came.append((round(clock.seconds(), 3), pdu.short_message))
            status = CommandStatus.ESME_ROK if len(came) > 2 else CommandStatus.ESME_RX_T_APPN
            town.receive(DeliverSmResp(command_status=status, sequence_number=pdu.sequence_number))

    for text in (b"first", b"second"):
        queue.send(DeliverSm(source_addr=A, destination_addr="4400", short_message=text))
        look(0.1)
    for _ in range(24):
        look(0.05)
    assert came == [(0.1, b"first"), (0.2, b"second"), (1.1, b"first"), (1.2, b"second")]
    assert (queue.accepted, len(queue)) == (2, 0)


# USSD.


def dialled(town: Town, code: str) -> tuple[Deferred[Screen], list[Pdu]]:
    return Deferred.fromCoroutine(town.ussd.dial(A, code)), town.sent()


def screen_for(begin: Pdu, text: str) -> SubmitSm:
    assert isinstance(begin, DeliverSm)
    unit = GENERIC.write_response(unit_of(begin), text, end=True)
    return SubmitSm(
        service_type=unit.service_type,
        source_addr=unit.source,
        destination_addr=unit.destination,
        data_coding=unit.data_coding,
        short_message=unit.payload,
        tlvs=unit.tlvs,
    )


def test_another_account_cannot_show_a_screen_in_a_dialogue() -> None:
    town = Town()
    shown, (begin,) = dialled(town, "*100#")
    screen = screen_for(begin, "yours")
    stranger = BoundSession(
        town.link, BoundAccount(Account(system_id="other", password="other")), name="other-1", takes_ussd_first=True
    )
    refused = town.ussd.submitted(stranger, screen, screen.short_message)
    assert (refused, shown.called) == (CommandStatus.ESME_RSUBMITFAIL, False)
    assert town.statuses(screen) == [0]
    assert town.ussd.late == 1
    assert cast("Screen", shown.result).text == "yours"


def test_a_dialogue_that_ends_before_its_begin_left_is_no_news_to_the_esme() -> None:
    town = Town(ussd={"delay_ms": 500})
    shown, sent = dialled(town, "*100#")
    assert sent == []
    town.ussd.hang_up(A)
    town.clock.advance(1)
    assert town.sent() == []
    assert cast("Screen", shown.result).failure == "aborted"


def test_what_is_keyed_in_fits_a_ussd_string_also_beyond_the_basic_plane() -> None:
    town = Town()
    _, (begin,) = dialled(town, "x" + "😀" * 100)
    assert isinstance(begin, DeliverSm)
    assert begin.short_message.decode("utf-16-be") == "x" + "😀" * 39
    town.ussd.hang_up(A)


# The trace.


def test_serials_rise_from_pdu_to_pdu_when_the_clock_goes_back() -> None:
    town = Town()
    for at in (1_000.0, 1_000.0, 5.0, 2_000.0):
        town.wall = at
        town.ask(submit())
    serials = [one.serial for one in town.capture.entries()]
    assert serials == sorted(set(serials), reverse=True)
    assert len(serials) == 10
    later = Capture(capacity=1, wall=lambda: 1_001.0)
    later.tap_of(town.link)(next(town.capture.entries()).received, b"", None)  # type: ignore[arg-type]
    assert next(later.entries()).serial > serials[0]
