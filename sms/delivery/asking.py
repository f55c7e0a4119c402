"""Asks SMSCs about messages whose receipt never came (query_sm), few at a time; what they say is kept as a receipt.

An SMSC that does not know the command is not asked again until its link is made anew.
"""

from functools import partial

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sms.delivery.counters import DeliveryCounters
from sms.delivery.journal import Journal
from sms.delivery.lines import Lines
from sms.delivery.states import STEP_OF_STATE
from sms.delivery.terms import SendingTerms, Surroundings
from sms.errors import RequestFailed
from sms.outbox.awaited import Links, Question, due_questions, give_up
from sms.outbox.model import Step
from sms.outbox.receipts import NewReceipt
from sms.outbox.retry import status_name
from sms.smpp.constants import CommandStatus, MessageState
from sms.smpp.pdu import GenericNack, Pdu, QuerySm, QuerySmResp

LOOK_SPACING_S = 5.0
_UNKNOWN_COMMAND = (CommandStatus.ESME_RINVCMDID, CommandStatus.ESME_RINVCMDLEN)


class Asker:
    """`look` is called now and then by the dispatcher."""

    _log = Logger()

    def __init__(
        self, terms: SendingTerms, around: Surroundings, *, lines: Lines, journal: Journal, counters: DeliveryCounters
    ) -> None:
        self._sender = terms.sender
        self._around = around
        self._lines = lines
        self._journal = journal
        self._counters = counters
        self._looked_at: float | None = None
        self._giving_up: set[Deferred[None]] = set()

    async def look(self) -> None:
        """Ask about what is due."""
        now = self._around.clock.seconds()
        if self._looked_at is not None and now - self._looked_at < LOOK_SPACING_S:
            return
        self._looked_at = now
        askable = [line for line in self._lines if line.may_ask]
        links = Links(
            now=[line.name for line in askable if line.is_up], later=[line.name for line in askable if not line.is_up]
        )
        for question in await self._around.transact(due_questions, links, self._around.wall()):
            self._ask(question)

    async def stop(self) -> None:
        """Wait for what is being stored."""
        for one in list(self._giving_up):
            await one

    def _ask(self, question: Question) -> None:
        pdu = QuerySm(
            message_id=question.smsc_id,
            source_addr_ton=self._sender.ton,
            source_addr_npi=self._sender.npi,
            source_addr=self._sender.address,
        )
        if not self._lines[question.link].ask(pdu, partial(self._answered, question)):
            self._counters.queries[question.link, "no_room"] += 1  # it is due again soon

    def _answered(self, question: Question, result: Pdu | RequestFailed) -> None:
        if isinstance(result, RequestFailed):
            self._counters.queries[question.link, "unanswered"] += 1
            return
        self._counters.queries[question.link, status_name(result.command_status)] += 1
        if isinstance(result, GenericNack) or result.command_status in _UNKNOWN_COMMAND:
            self._log.warn("link {link} knows no query_sm: it is not asked again", link=question.link)
            self._lines[question.link].may_ask = False
            self._give_up(question)
        elif result.command_status == CommandStatus.ESME_RQUERYFAIL:
            self._give_up(question)
        elif isinstance(result, QuerySmResp) and result.command_status == 0:
            self._tell(question, result)

    def _tell(self, question: Question, said: QuerySmResp) -> None:
        try:
            step = STEP_OF_STATE[MessageState(said.message_state)]
        except (ValueError, KeyError):
            step = Step.LOST
        receipt = NewReceipt(
            link=question.link,
            smsc_id=question.smsc_id,
            step=step,
            source=question.msisdn,
            done_date=said.final_date,
            error=str(said.error_code) if said.error_code else None,
        )
        self._journal.receipt(receipt, lambda _is_stored: None)  # what is not stored is asked again

    def _give_up(self, question: Question) -> None:
        giving_up = Deferred.fromCoroutine(self._store_given_up(question))
        self._giving_up.add(giving_up)
        _ = giving_up.addCallback(lambda _: self._giving_up.discard(giving_up))

    async def _store_given_up(self, question: Question) -> None:
        try:
            await self._around.transact(give_up, [question.seq])
        except Exception:  # noqa: BLE001 - the dispatcher's border: it is asked about again
            self._log.error("that nobody knows of a message was not stored", log_failure=Failure())
