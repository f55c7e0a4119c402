"""What is behind the USSD codes: figures from the ledger, joining, crediting and leaving, the SMS that comes later.

Other operators' numbers get one fixed text on every code, corporate ones never a cashback line, numbers that were
never registered are told how to join. Dialling reads; only a choice that was asked for writes.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from billing.answers import BalanceView, CreditAnswer, LeaveAnswer
from billing.calendar import local_date
from billing.commands import CreditOnDemand, LeaveProgramme, RegisterMember
from billing.errors import (
    AlreadyMember,
    BlockedFinal,
    BlockedInvestigation,
    BlockedMnp,
    ConfirmLapse,
    FullFormRequired,
    LedgerRefusal,
    NotMember,
    UnknownSubscriber,
)
from billing.money import Kopecks, parse_money
from billing.records import Charge, Posting
from billing.words import Account, Block, Channel, Contract, MembershipState, Network, PostingKind
from gateway.balance_screens import cashback_screen, main_screen
from gateway.faults import Fault, no_fault
from gateway.http.ports import BusinessClock, Ledger
from gateway.texts import Screens, screens_for
from gateway.texts.screens import Movement
from ussd.application import TextKey, UssdReply, UssdRequest
from ussd.menu import Action, Menus

KNOWN_MAX = 100_000
"""Numbers whose language and last figures are kept in memory."""

_MENU_LABELS: Mapping[Action, str] = {
    Action.BALANCE: "menu_balance",
    Action.CASHBACK: "menu_cashback",
    Action.JOIN: "menu_join",
    Action.JOIN_ACCEPT: "join_accept",
    Action.BILL: "menu_bill",
    Action.MOVEMENTS: "menu_movements",
    Action.CREDIT: "menu_credit",
    Action.CREDIT_CONFIRM: "credit_confirm",
    Action.LEAVE: "menu_leave",
    Action.LEAVE_CONFIRM: "leave_confirm",
}
_OWN_ACCOUNTS = frozenset({Account.BONUS, Account.CASHBACK, Account.MAIN})


class UssdReads(Protocol):
    """Look-ups of the screens; a number that was never registered is UnknownSubscriber."""

    def balances(self, msisdn: str) -> Awaitable[BalanceView]:
        """Everything about a number's money."""
        ...

    def last_fee(self, msisdn: str) -> Awaitable[Charge | None]:
        """The last tariff fee."""
        ...

    def movements(self, msisdn: str) -> Awaitable[Sequence[Posting]]:
        """The last five postings, newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UssdTerms:
    """What the screens need of the configuration."""

    zone: ZoneInfo
    terms_version: str
    owns_main: bool
    menus: Menus


class UssdApplication:
    """The `Application` and the `Texts` of `ussd.service`.

    `queue_balance(msisdn, ref, latin)` stores the SMS with the text of `*100#`: True once it is committed, False
    for a number that cannot have one. `ask_main(msisdn)` is the main balance where the operator owns it (rule 42),
    None where nobody said it in time.
    """

    def __init__(
        self,
        ledger: Ledger,
        reads: UssdReads,
        *,
        terms: UssdTerms,
        clock: BusinessClock,
        queue_balance: Callable[[str, str, bool], Awaitable[bool]],
        ask_main: Callable[[str], Awaitable[Kopecks | None]],
        fault: Fault = no_fault,
    ) -> None:
        self._fault = fault
        self._ledger = ledger
        self._reads = reads
        self._terms = terms
        self._clock = clock
        self._queue_balance = queue_balance
        self._ask_main = ask_main
        self._known: OrderedDict[str, BalanceView] = OrderedDict()
        self._actions: Mapping[Action, Callable[[UssdRequest, BalanceView, Screens], Awaitable[UssdReply]]] = {
            Action.BALANCE: self._balance,
            Action.CASHBACK: self._cashback,
            Action.JOIN: self._join,
            Action.JOIN_ACCEPT: self._join_accept,
            Action.BILL: self._bill,
            Action.MOVEMENTS: self._movements,
            Action.CREDIT: self._credit,
            Action.CREDIT_CONFIRM: self._credit_confirm,
            Action.LEAVE: self._leave,
            Action.LEAVE_CONFIRM: self._leave_confirm,
            Action.MENU: self._menu,
            Action.NO_SUCH_CODE: self._no_such_code,
        }

    async def answer(self, request: UssdRequest) -> UssdReply:
        """The screen a request asks for."""
        reply = await self._answer(request)
        self._fault("ussd.before_reply")
        return reply

    async def _answer(self, request: UssdRequest) -> UssdReply:
        try:
            view = await self._reads.balances(request.msisdn)
        except UnknownSubscriber:
            self._known.pop(request.msisdn, None)
            key = "no_such_code" if request.action is Action.NO_SUCH_CODE else "not_member"
            return UssdReply(text=self._screens(request.msisdn, latin=request.latin).text(key))
        self._remember(request.msisdn, view)
        screens = self._screens(request.msisdn, latin=request.latin)
        if view.subscription.network is Network.OFF_NET:
            return UssdReply(text=screens.text("off_net"))
        return await self._actions[request.action](request, view, screens)

    def stale(self, request: UssdRequest) -> UssdReply | None:
        """The last known figures with their time, for the two balance screens."""
        view = self._known.get(request.msisdn)
        if view is None or request.action not in {Action.BALANCE, Action.CASHBACK}:
            return None
        screens = self._screens(request.msisdn, latin=request.latin)
        if view.subscription.network is Network.OFF_NET:
            return UssdReply(text=screens.text("off_net"))
        if request.action is Action.BALANCE:
            text = main_screen(view, screens, main=view.balances.main if self._terms.owns_main else None)
        else:
            text = cashback_screen(view, screens, zone=self._terms.zone, now=view.as_of)
        return UssdReply(text=screens.as_of(text, view.as_of, self._terms.zone))

    async def deadline_passed(self, request: UssdRequest) -> str:
        """The text "by SMS" once that SMS is stored, else "try later"."""
        screens = self._screens(request.msisdn, latin=request.latin)
        asked_for_money = request.action in {Action.BALANCE, Action.CASHBACK}
        is_stored = asked_for_money and await self._queue_balance(request.msisdn, request.request_id, request.latin)
        return screens.text("answer_by_sms" if is_stored else "try_later")

    def text(self, key: TextKey, msisdn: str, *, latin: bool) -> str:
        """A fixed text in the language last seen of this number."""
        return self._screens(msisdn, latin=latin).text(key.value)

    async def _balance(self, request: UssdRequest, view: BalanceView, screens: Screens) -> UssdReply:
        main = view.balances.main if self._terms.owns_main else await self._ask_main(request.msisdn)
        return UssdReply(text=main_screen(view, screens, main=main))

    async def _cashback(self, _request: UssdRequest, view: BalanceView, screens: Screens) -> UssdReply:
        return UssdReply(text=cashback_screen(view, screens, zone=self._terms.zone, now=self._clock.now()))

    async def _bill(self, request: UssdRequest, _view: BalanceView, screens: Screens) -> UssdReply:
        fee = await self._reads.last_fee(request.msisdn)
        if fee is None:
            return UssdReply(text=screens.text("no_bills"))
        return UssdReply(text=screens.bill(amount=fee.amount, cashback=fee.cashback, main=fee.main + fee.settled))

    async def _movements(self, request: UssdRequest, _view: BalanceView, screens: Screens) -> UssdReply:
        postings = await self._reads.movements(request.msisdn)
        return UssdReply(text=screens.movements([movement_of(one, self._terms.zone) for one in postings]))

    async def _join(self, _request: UssdRequest, view: BalanceView, screens: Screens) -> UssdReply:
        if view.membership is MembershipState.ACTIVE:
            return UssdReply(text=screens.text("already_member"))
        return self._ask(screens.text("join_ask"), Action.JOIN, screens)

    async def _join_accept(self, request: UssdRequest, _view: BalanceView, screens: Screens) -> UssdReply:
        command = RegisterMember(
            msisdn=request.msisdn,
            channel=Channel.USSD,
            accept_terms=True,
            terms_version=self._terms.terms_version,
        )
        try:
            await self._ledger.execute(command)
        except AlreadyMember:
            return UssdReply(text=screens.text("already_member"))
        except (BlockedInvestigation, BlockedMnp, BlockedFinal):
            return UssdReply(text=screens.text("join_blocked"))
        except FullFormRequired:
            return UssdReply(text=screens.text("join_full_form"))
        except LedgerRefusal:
            return UssdReply(text=screens.text("refused"))
        return UssdReply(text=screens.text("joined"))

    async def _credit(self, _request: UssdRequest, view: BalanceView, screens: Screens) -> UssdReply:
        if view.membership is not MembershipState.ACTIVE:
            return UssdReply(text=screens.text("not_member"))
        if view.subscription.contract is Contract.CORPORATE:
            return UssdReply(text=screens.text("credit_not_eligible"))
        if Block.INVESTIGATION in view.subscription.blocks:
            return UssdReply(text=screens.text("credit_held"))
        if not view.balances.bonus:
            return UssdReply(text=screens.text("credit_nothing"))
        return self._ask(screens.sum("credit_ask", view.balances.bonus), Action.CREDIT, screens)

    async def _credit_confirm(self, request: UssdRequest, view: BalanceView, screens: Screens) -> UssdReply:
        command = CreditOnDemand(credit_id=f"ussd:{request.request_id}", msisdn=request.msisdn)
        try:
            outcome = await self._ledger.execute(command)
        except NotMember:
            return UssdReply(text=screens.text("not_member"))
        except BlockedInvestigation:
            return UssdReply(text=screens.text("credit_held"))
        except LedgerRefusal:
            is_corporate = view.subscription.contract is Contract.CORPORATE
            return UssdReply(text=screens.text("credit_not_eligible" if is_corporate else "refused"))
        assert isinstance(outcome.answer, CreditAnswer)  # noqa: S101 - each command has its own answer
        if not outcome.answer.credited:
            return UssdReply(text=screens.text("credit_nothing"))
        return UssdReply(text=screens.sum("credit_done", outcome.answer.credited))

    async def _leave(self, request: UssdRequest, _view: BalanceView, screens: Screens) -> UssdReply:
        try:
            await self._ledger.execute(LeaveProgramme(msisdn=request.msisdn, channel=Channel.USSD, confirm=False))
        except ConfirmLapse as asked:
            lapses = asked.details["lapses"]
            assert isinstance(lapses, Mapping)  # noqa: S101 - what ConfirmLapse carries
            sums = {name: parse_money(str(lapses[name])) for name in ("bonus", "pending", "cashback")}
            return self._ask(screens.leaving(**sums), Action.LEAVE, screens)
        except (NotMember, UnknownSubscriber):
            return UssdReply(text=screens.text("not_member"))
        raise AssertionError("leaving without confirmation went through")

    async def _leave_confirm(self, request: UssdRequest, _view: BalanceView, screens: Screens) -> UssdReply:
        try:
            outcome = await self._ledger.execute(
                LeaveProgramme(msisdn=request.msisdn, channel=Channel.USSD, confirm=True)
            )
        except LedgerRefusal:
            return UssdReply(text=screens.text("not_member"))
        assert isinstance(outcome.answer, LeaveAnswer)  # noqa: S101 - as above
        return UssdReply(text=screens.sum("leave_done", outcome.answer.lapsed))

    async def _menu(self, _request: UssdRequest, _view: BalanceView, screens: Screens) -> UssdReply:
        return UssdReply(text=self._choices(Action.MENU, screens), menu=True)

    async def _no_such_code(self, _request: UssdRequest, _view: BalanceView, screens: Screens) -> UssdReply:
        return UssdReply(text=screens.text("no_such_code"))

    def _ask(self, question: str, action: Action, screens: Screens) -> UssdReply:
        return UssdReply(text=f"{question}\n{self._choices(action, screens)}", menu=True)

    def _choices(self, action: Action, screens: Screens) -> str:
        choices = self._terms.menus.get(action, ())
        return "\n".join(f"{one.key} {screens.text(_MENU_LABELS[one.action])}" for one in choices)

    def _screens(self, msisdn: str, *, latin: bool) -> Screens:
        view = self._known.get(msisdn)
        if view is None:
            return Screens(language="ru", latin=latin)
        return screens_for(view.subscription.language, latin=latin, unicode=view.subscription.unicode)

    def _remember(self, msisdn: str, view: BalanceView) -> None:
        self._known[msisdn] = view
        self._known.move_to_end(msisdn)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)


def movement_of(posting: Posting, zone: ZoneInfo) -> Movement:
    """A posting as its owner sees it: into one of their accounts is plus, bonus to cashback too."""
    is_own = posting.target in _OWN_ACCOUNTS
    what = f"kind_{posting.kind}"
    if posting.kind is PostingKind.CHARGE:
        what = f"kind_charge_{posting.source}"
    return Movement(
        day=local_date(posting.booked_at, zone), amount=posting.amount if is_own else -posting.amount, what=what
    )
