"""Long texts over links that carry them differently: references, retries elsewhere, every way of joining segments."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sending import Sending, Session
from sqlalchemy import select

from sms.delivery.terms import LinkTerms
from sms.outbox.cuts import cut
from sms.outbox.model import Step
from sms.outbox.receipts import NewReceipt
from sms.outbox.schema import segment
from sms.smpp.constants import CommandStatus as S
from sms.smpp.constants import Tag
from sms.smpp.pdu import SubmitSm
from sms.text import Carriage, Concatenation, DefaultAlphabet, Language, LongMessages, Reassembler

LONG = "x" * 400
HERE = "79160000000"


@pytest.fixture
def ended() -> Iterator[list[Sending]]:
    started: list[Sending] = []
    yield started
    for one in started:
        for line in one.dispatcher.lines:
            line.abandon()
        one.stop(0.0)
        one.after(20)


def sending_over(started: list[Sending], *carriages: Carriage) -> Sending:
    links = [LinkTerms(name=f"link-{number}", carriage=carriage) for number, carriage in enumerate(carriages)]
    sending = Sending(links=links)
    started.append(sending)
    return sending.start()


def shown(submitted: Sequence[SubmitSm], alphabet: DefaultAlphabet = DefaultAlphabet.GSM7) -> list[str]:
    """What a phone shows of what reached its SMSC, in this order."""
    phone = Reassembler()
    whole = []
    for pdu in submitted:
        part = None
        if pdu.tlv(Tag.SAR_MSG_REF_NUM) is not None:
            numbers = [
                pdu.tlv_int(tag) for tag in (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
            ]
            reference, total, number = (one or 0 for one in numbers)
            part = Concatenation(reference=reference, total=total, number=number, wide=True)
        whole.append(
            phone.take(
                pdu.source_addr,
                pdu.tlv(Tag.MESSAGE_PAYLOAD) or pdu.short_message,
                data_coding=pdu.data_coding or alphabet.data_coding,
                udhi=bool(pdu.esm_class & 0x40),
                concatenation=part,
            )
        )
    return [one.text for one in whole if one is not None]


def references(session: Session) -> list[int]:
    return [pdu.short_message[3] for pdu in session.submitted]


@pytest.mark.parametrize(
    ("carriage", "text"),
    [
        (Carriage(long_messages=way, alphabet=alphabet), text)
        for way in LongMessages
        for alphabet in DefaultAlphabet
        for text in ("Crédit € " * 30, "Кэшбэк " * 40, LONG)
    ]
    + [(Carriage(shift_tables=(Language.TURKISH,)), "Değerli müşterimiz, iyi günler. " * 10)],
)
def test_long_text_arrives_whole_however_its_link_carries_it(
    ended: list[Sending], carriage: Carriage, text: str
) -> None:
    sending = sending_over(ended, carriage)
    sending.texts["m"] = text
    session = sending.bind("link-0")
    sending.queue("m")
    session.answer_all()
    assert shown(session.submitted, carriage.alphabet) == [text]
    assert sending.view("m").state == "accepted"
    if carriage.long_messages is LongMessages.PAYLOAD:
        assert [pdu.short_message for pdu in session.submitted] == [b""]


def test_long_messages_to_one_destination_count_their_references_whatever_is_sent_between(
    ended: list[Sending],
) -> None:
    # A reference taken from the order of queueing would come round here: the second is 256 messages later.
    sending = sending_over(ended, Carriage())
    sending.texts |= {"first": LONG, "second": LONG}
    session = sending.bind("link-0", window=50)
    sending.queue("first", msisdn=HERE)
    session.answer_all()
    sending.queue(*(f"between-{number}" for number in range(255)), subscription_id=2)
    while session.waiting:
        session.answer_all()
        sending.after(0.2)
    before = len(session.submitted)
    sending.queue("second", msisdn=HERE)
    session.answer_all()
    assert [references(session)[index] for index in (0, 1, 2)] == [1, 1, 1]
    assert references(session)[before:] == [2, 2, 2]


def test_partly_sent_message_goes_on_over_a_link_that_cuts_it_the_same_way(ended: list[Sending]) -> None:
    sending = sending_over(ended, Carriage(), Carriage(long_messages=LongMessages.SAR), Carriage())
    sending.texts["m"] = LONG
    first = sending.bind("link-0")
    sending.queue("m")
    first.answer()
    first.answer(S.ESME_RSYSERR)
    first.answer()
    sending.drop(first, "link-0")
    other, same = sending.bind("link-1"), sending.bind("link-2")
    sending.after(10)
    assert (len(other.submitted), len(same.submitted)) == (0, 1)
    same.answer_all()
    assert sending.view("m").state == "accepted"
    assert shown([*first.submitted[::2], *same.submitted]) == [LONG]


def test_partly_sent_message_goes_whole_again_where_no_link_cuts_it_the_same_way(ended: list[Sending]) -> None:
    sending = sending_over(ended, Carriage(), Carriage(alphabet=DefaultAlphabet.LATIN1))
    sending.texts["m"] = LONG
    first = sending.bind("link-0")
    sending.queue("m")
    first.answer()
    first.answer(S.ESME_RSYSERR)
    first.answer()
    sending.drop(first, "link-0")
    second = sending.bind("link-1")
    sending.after(10)
    assert references(second) == [2, 2, 2]
    second.answer_all()
    assert shown([first.submitted[0], *second.submitted], DefaultAlphabet.LATIN1) == [LONG]
    assert sending.view("m").state == "accepted"


def test_late_receipt_of_a_cut_that_was_given_up_says_nothing_of_the_new_one(ended: list[Sending]) -> None:
    sending = sending_over(ended, Carriage(), Carriage(long_messages=LongMessages.PAYLOAD))
    sending.texts["m"] = LONG
    first = sending.bind("link-0")
    sending.queue("m", msisdn=HERE)
    first.answer()
    first.answer(S.ESME_RSYSERR)
    first.answer()
    sending.drop(first, "link-0")
    sending.bind("link-1")
    sending.after(10)
    receipt = NewReceipt(link="link-0", smsc_id="id-1", step=Step.DELIVERED, source=HERE)
    sending.dispatcher.journal.receipt(receipt, lambda _is_stored: None)
    sending.after(1)
    assert sending.view("m").state == "written"
    left: list[Any] = sending.database.do(lambda connection: connection.execute(select(segment)).all())
    assert left == []
    assert sending.database.do(lambda connection: connection.execute(select(cut)).all()) == []


def test_single_message_refused_for_a_while_goes_in_segments_over_a_narrower_link(ended: list[Sending]) -> None:
    sending = sending_over(ended, Carriage(), Carriage(alphabet=DefaultAlphabet.ASCII))
    sending.texts["m"] = "x" * 160
    first = sending.bind("link-0")
    sending.queue("m")
    first.answer(S.ESME_RSYSERR)
    sending.drop(first, "link-0")
    second = sending.bind("link-1")
    sending.after(10)
    second.answer_all()
    assert shown(second.submitted, DefaultAlphabet.ASCII) == ["x" * 160]
    assert (sending.view("m").state, sending.view("m").segments) == ("accepted", 2)


def test_references_are_counted_on_after_a_restart(ended: list[Sending]) -> None:
    sending = sending_over(ended, Carriage())
    sending.texts |= {"first": LONG, "second": LONG}
    session = sending.bind("link-0")
    sending.queue("first", msisdn=HERE)
    session.answer_all()
    again = sending_over(ended, Carriage())
    again.database.engine = sending.database.engine
    again.texts |= sending.texts
    session = again.bind("link-0")
    again.queue("second", msisdn=HERE)
    session.answer_all()
    assert references(session) == [2, 2, 2]
