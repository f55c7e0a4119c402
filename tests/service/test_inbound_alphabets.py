"""What subscribers write over links whose data_coding 0 is not GSM's alphabet, or in national tables."""

from collections.abc import Iterator

import pytest
from sending import Sending
from twisted.internet.defer import Deferred

from sms.inbound import Inbound
from sms.outbox.inbox import MobileOriginated
from sms.smpp.pdu import DeliverSm, Pdu
from sms.text import Carriage, DefaultAlphabet, Language, segments_for


class Session:
    """Answers nobody reads."""

    def respond(self, request: Pdu, response: Pdu) -> None: ...


class Door:
    """An inbound door whose links `latin1` and `ascii` have 8-bit alphabets."""

    def __init__(self) -> None:
        self.sending = Sending().start()
        self.heard: list[MobileOriginated] = []
        self.inbound = Inbound(
            self.sending.dispatcher.journal,
            transact=self.sending.database.transact,
            wall=self.sending.wall,
            counters=self.sending.counters,
            on_mo=lambda _connection, mo: self.heard.append(mo),
            committed=lambda: None,
            alphabets={"latin1": DefaultAlphabet.LATIN1, "ascii": DefaultAlphabet.ASCII},
        )

    def text(self, link: str, octets: bytes, *, data_coding: int = 0, udhi: bool = False) -> str:
        pdu = DeliverSm(
            source_addr="79160000001",
            destination_addr="4400",
            short_message=octets,
            data_coding=data_coding,
            esm_class=0x40 if udhi else 0,
        )
        self.inbound.received(link, Session(), pdu)
        return self.heard[-1].text


@pytest.fixture
def door() -> Iterator[Door]:
    one = Door()
    yield one
    Deferred.fromCoroutine(one.inbound.stop())
    one.sending.stop(0)
    one.sending.after(2)


def test_default_alphabet_is_the_links_own(door: Door) -> None:
    assert door.text("plain", b"\x00 \x05") == "@ é"
    assert door.text("latin1", b"@ \xe9") == "@ é"
    assert door.text("ascii", b"@ STOP") == "@ STOP"


def test_named_coding_is_what_it_says_on_every_link(door: Door) -> None:
    assert door.text("latin1", "Стоп".encode("utf-16-be"), data_coding=8) == "Стоп"
    assert door.text("ascii", b"\xe9", data_coding=3) == "é"


def test_header_may_name_a_national_table(door: Door) -> None:
    text = "ş" * 80
    (segment,) = segments_for(text, reference=0, carriage=Carriage(shift_tables=(Language.TURKISH,)))
    assert door.text("plain", segment.short_message, udhi=True) == text
