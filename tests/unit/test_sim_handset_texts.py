"""What simulated phones show of texts that links carry in their own ways."""

import pytest

from simulator.handsets import Handsets, segment_text
from simulator.messages import MessageStore, StoredMessage
from simulator.settings import Account
from sms.delivery.submission import sender_of, submit_sm
from sms.smpp.constants import MessageState
from sms.text import Carriage, Coding, DefaultAlphabet, Language, LongMessages, segments_for

ACCOUNT = Account(system_id="gateway", password="secret1")
A = "79160000001"
TURKISH = "Değerli müşterimiz, hesabınıza 50 TL iade yapıldı. " * 4
HINDI = "आपके खाते में 50 रुपये वापस किए गए। " * 5


def delivered(store: MessageStore, text: str, carriage: Carriage) -> list[StoredMessage]:
    """The submissions of a text, each at its phone; last first, as phones take any order."""
    made = []
    for segment in reversed(segments_for(text, reference=7, carriage=carriage)):
        pdu = submit_sm(sender_of("CASHBACK"), A, segment, seq=1)
        if pdu.data_coding == 0:
            pdu.data_coding = carriage.alphabet.data_coding  # its SMSC knows what its alphabet is
        message = StoredMessage(f"{store.accepted:08X}", store.accepted, ACCOUNT, A, pdu, 1000.0, 1000.0)
        store.add(message)
        message.state, message.state_at = MessageState.DELIVERED, 1000.0
        made.append(message)
    return made


@pytest.mark.parametrize(
    ("text", "carriage", "segments", "coding"),
    [
        (TURKISH, Carriage(shift_tables=(Language.TURKISH,)), 2, Coding.GSM7),
        (TURKISH, Carriage(), 4, Coding.UCS2),
        (HINDI, Carriage(shift_tables=(Language.HINDI,)), 2, Coding.GSM7),
        (TURKISH, Carriage(long_messages=LongMessages.SAR), 4, Coding.UCS2),
        (TURKISH, Carriage(long_messages=LongMessages.PAYLOAD), 4, Coding.UCS2),
        ("x" * 400, Carriage(long_messages=LongMessages.PAYLOAD), 3, Coding.GSM7),
        ("é" * 300, Carriage(alphabet=DefaultAlphabet.LATIN1), 3, Coding.LATIN1),
    ],
)
def test_a_phone_shows_the_text_its_coding_and_what_it_cost(
    text: str, carriage: Carriage, segments: int, coding: Coding
) -> None:
    store = MessageStore(capacity=100)
    delivered(store, text, carriage)
    (shown,) = Handsets(store).inbox(A)
    assert (shown.text, shown.segments, shown.coding) == (text, segments, coding)


def test_one_segment_alone_is_read_in_the_tables_it_names() -> None:
    store = MessageStore(capacity=100)
    messages = delivered(store, TURKISH, Carriage(shift_tables=(Language.TURKISH,)))
    assert "".join(segment_text(one) for one in reversed(messages)) == TURKISH
