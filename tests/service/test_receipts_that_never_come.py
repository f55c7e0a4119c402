"""What an SMSC took and never told of again: it is asked (query_sm), and where it cannot say, that is shown."""

from collections.abc import Callable, Iterator

import pytest
from sending import NOON, A, Sending, Session
from twisted.internet.defer import Deferred

from sms.delivery.terms import RECEIPT_MARGIN_S, RECEIPT_WAIT_S
from sms.dispatcher import LinkTerms
from sms.errors import RequestFailed, ResponseTimeout
from sms.outbox import NewReceipt, Step, pending_counts, record_receipts
from sms.outbox.awaited import ASK_AGAIN_SECONDS, QUESTIONS_EACH_MAX
from sms.smpp.constants import CommandStatus, MessageState
from sms.smpp.pdu import GenericNack, Pdu, QuerySm, QuerySmResp

DUE_S = RECEIPT_WAIT_S + RECEIPT_MARGIN_S
STEP_S = 3600.0
Answered = Callable[[Pdu | RequestFailed], None]


class Asked(Session):
    """Keeps questions apart from messages."""

    def __init__(self) -> None:
        super().__init__(10)
        self.questions: list[tuple[QuerySm, Answered]] = []

    def try_request(self, pdu: Pdu, answered: Answered) -> int:
        if isinstance(pdu, QuerySm):
            self.questions.append((pdu, answered))
            return 1
        return super().try_request(pdu, answered)

    def say(self, state: MessageState | None = None, status: int = 0) -> None:
        _, answered = self.questions.pop(0)
        answered(QuerySmResp(command_status=status, message_id="id-1", message_state=state or 0))


class Waiting(Sending):
    def __init__(self, **link: bool) -> None:
        super().__init__(links=[LinkTerms(name="sms", **link)])  # type: ignore[arg-type]
        self.start()
        self.asked = Asked()
        self.dispatcher.lines.up("sms", self.asked)
        self.queue("m", msisdn=A)
        self.asked.answer_all()

    def until_due(self) -> None:
        self.after(DUE_S, step=STEP_S)
        self.after(30, step=10)

    def state(self) -> tuple[str, str | None]:
        view = self.view("m")
        return view.state.value, view.reason


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    one = Waiting()
    yield one
    finish(one)


def finish(one: Sending) -> None:
    stopped: Deferred[None] = one.stop(drain_s=0)
    one.after(2)
    assert stopped.called


def test_nobody_is_asked_before_validity_and_margin_are_over(waiting: Waiting) -> None:
    waiting.after(DUE_S - STEP_S, step=STEP_S)
    assert waiting.asked.questions == []
    waiting.after(STEP_S + 20, step=300)
    [(asked, _)] = waiting.asked.questions
    assert (asked.message_id, asked.source_addr, asked.source_addr_ton) == ("id-1", "CASHBACK", 5)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (MessageState.DELIVERED, "delivered"),
        (MessageState.EXPIRED, "expired"),
        (MessageState.UNDELIVERABLE, "undeliverable"),
        (MessageState.UNKNOWN, "unknown"),
    ],
)
def test_a_final_answer_is_the_state(waiting: Waiting, said: MessageState, state: str) -> None:
    waiting.until_due()
    waiting.asked.say(said)
    assert waiting.state() == (state, None)
    assert waiting.view("m").receipts[-1].state in (state, "lost")
    waiting.after(3 * DUE_S, step=3600)
    assert waiting.asked.questions == []
    assert len(waiting.asked.submitted) == 1


def test_one_that_is_still_on_its_way_is_asked_about_again_much_later(waiting: Waiting) -> None:
    waiting.until_due()
    waiting.asked.say(MessageState.ENROUTE)
    assert waiting.state() == ("enroute", None)
    waiting.after(DUE_S - 2 * STEP_S, step=STEP_S)
    assert waiting.asked.questions == []
    waiting.after(2 * STEP_S + 20, step=100)
    assert len(waiting.asked.questions) == 1
    waiting.asked.say(MessageState.ENROUTE)
    waiting.after(2 * ASK_AGAIN_SECONDS, step=STEP_S)
    assert waiting.asked.questions == []


def test_a_question_without_answer_is_asked_again(waiting: Waiting) -> None:
    waiting.until_due()
    waiting.asked.questions.pop(0)[1](ResponseTimeout("none"))
    waiting.after(ASK_AGAIN_SECONDS + 30, step=30)
    assert len(waiting.asked.questions) == 1
    assert waiting.state() == ("accepted", None)


def test_questions_that_bring_errors_only_come_to_an_end(waiting: Waiting) -> None:
    waiting.until_due()
    asked = 0
    for _ in range(QUESTIONS_EACH_MAX + 5):
        if waiting.asked.questions:
            asked += 1
            assert waiting.state() == ("accepted", None)
            waiting.asked.say(status=CommandStatus.ESME_RSYSERR)
        waiting.after(ASK_AGAIN_SECONDS * 2 ** max(asked - 1, 0) + 30, step=STEP_S / 4)
        waiting.after(20, step=10)
    assert (asked, waiting.state()) == (QUESTIONS_EACH_MAX, ("unknown", "NO_RECEIPT"))
    assert len(waiting.asked.submitted) == 1


def test_an_smsc_that_knows_no_such_message_leaves_it_unknown_with_the_reason(waiting: Waiting) -> None:
    waiting.until_due()
    waiting.asked.say(status=CommandStatus.ESME_RQUERYFAIL)
    assert waiting.state() == ("unknown", "NO_RECEIPT")
    waiting.after(DUE_S, step=3600)
    assert len(waiting.asked.submitted) == 1
    pending = waiting.database.do(pending_counts)
    assert (pending.in_doubt, pending.by_kind.get("accrued", 0)) == (0, 0)
    late = NewReceipt(link="sms", smsc_id="id-1", step=Step.DELIVERED, source=A)
    waiting.database.do(record_receipts, [late], NOON)
    assert waiting.state() == ("delivered", None)


def test_an_smsc_without_the_command_is_asked_once(waiting: Waiting) -> None:
    waiting.after(STEP_S, step=100)
    waiting.queue("n")
    waiting.asked.answer_all()
    waiting.after(DUE_S - STEP_S + 30, step=STEP_S)
    waiting.asked.questions.pop(0)[1](GenericNack(command_status=3))
    waiting.after(4 * STEP_S, step=STEP_S)
    assert waiting.asked.questions == []
    assert waiting.states() == {"m": "unknown", "n": "unknown"}


def test_a_link_that_is_not_to_be_asked_never_is() -> None:
    waiting = Waiting(query=False)
    waiting.until_due()
    assert (waiting.asked.questions, waiting.state()) == ([], ("unknown", "NO_RECEIPT"))
    finish(waiting)


def test_a_link_that_is_down_is_asked_when_it_is_up_again(waiting: Waiting) -> None:
    waiting.drop(waiting.asked)
    waiting.until_due()
    assert waiting.state() == ("accepted", None)
    again = Asked()
    waiting.dispatcher.lines.up("sms", again)
    waiting.after(ASK_AGAIN_SECONDS + 30, step=30)
    assert len(again.questions) == 1


def test_a_receipt_in_time_ends_the_waiting(waiting: Waiting) -> None:
    said = NewReceipt(link="sms", smsc_id="id-1", step=Step.DELIVERED, source=A)
    waiting.database.do(record_receipts, [said], NOON)
    waiting.until_due()
    assert waiting.asked.questions == []
    assert waiting.view("m").waits_until is None


def test_few_are_asked_about_at_a_time(waiting: Waiting) -> None:
    waiting.queue(*(f"n{at}" for at in range(35)))
    waiting.asked.answer_all()
    waiting.after(DUE_S, step=STEP_S)
    waiting.after(2)
    assert 0 < len(waiting.asked.questions) <= 20
