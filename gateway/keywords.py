"""What a subscriber's SMS to the programme's number does (rule 38), in the transaction that stores it.

STOP and START turn adverts off and on, with one confirmation where that changes anything; 0 and BALANCE answer the
balance. Anything else, and anything from a number nobody registered, is stored and not answered.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto

from sqlalchemy import Connection

from billing.answers import AdvertsAnswer
from billing.commands import SetAdverts
from billing.decision import Context, Outcome
from billing.errors import NotMember, UnknownSubscriber
from billing.records import Subscription
from billing.store import reads
from billing.store.ledger import execute
from gateway.http.msisdn import MalformedMsisdn, normalise
from gateway.notices import Timing, message_for
from gateway.texts import NoticeKind
from sms.outbox import MobileOriginated, drop_adverts, enqueue

SOURCE = "sms"


class Keyword(Enum):
    """What may be asked for by SMS."""

    ADVERTS_OFF = auto()
    ADVERTS_ON = auto()
    BALANCE = auto()


WORDS: Mapping[str, Keyword] = {
    "stop": Keyword.ADVERTS_OFF,
    "стоп": Keyword.ADVERTS_OFF,
    "renunt": Keyword.ADVERTS_OFF,
    "renunț": Keyword.ADVERTS_OFF,
    "start": Keyword.ADVERTS_ON,
    "старт": Keyword.ADVERTS_ON,
    "0": Keyword.BALANCE,
    "balance": Keyword.BALANCE,
    "баланс": Keyword.BALANCE,
}


def keyword_of(text: str) -> Keyword | None:
    """The keyword that a text is, in any case and with any spaces."""
    return WORDS.get("".join(text.split()).casefold())


class Keywords:
    """`answer` is the inbound door's `on_mo`; `context` and `timing` are as of now."""

    def __init__(self, *, service_number: str, context: Callable[[], Context], timing: Callable[[], Timing]) -> None:
        self._service_number = service_number
        self._context = context
        self._timing = timing

    def answer(self, connection: Connection, mo: MobileOriginated) -> None:
        """Do what the message asks, and queue what is said about it."""
        keyword = keyword_of(mo.text)
        if keyword is None or mo.destination != self._service_number:
            return
        try:
            # Some SMSCs write the national prefix: 8 916 … is the subscriber +7 916 ….
            subscription = reads.subscriber(connection, normalise(mo.source)).subscription
        except (MalformedMsisdn, UnknownSubscriber):
            return
        said = "balance" if keyword is Keyword.BALANCE else self._set_adverts(connection, subscription, keyword)
        if said is None:
            return
        ref = f"{subscription.subscription_id}:{mo.received_at.isoformat()}"
        message = message_for(subscription, NoticeKind.KEYWORD, ref, params={"answer": said}, timing=self._timing())
        enqueue(connection, [message])

    def _set_adverts(self, connection: Connection, subscription: Subscription, keyword: Keyword) -> str | None:
        """What is said about it: nothing where it was so already; only START tells who is no member."""
        is_on = keyword is Keyword.ADVERTS_ON
        command = SetAdverts(msisdn=subscription.msisdn, adverts=is_on, source=SOURCE)
        result = execute(connection, [command], self._context())[0]
        if not is_on:
            drop_adverts(connection, subscription.subscription_id)
        if isinstance(result, Outcome):
            assert isinstance(result.answer, AdvertsAnswer)  # noqa: S101 - each command has its own answer
            if not result.answer.changed:
                return None
            return "adverts_on" if is_on else "adverts_off"
        if not isinstance(result, NotMember):
            raise result
        return "not_member" if is_on else None
