"""What each code shows to whom: contract, network, membership, blocks; what a choice writes; what happens late."""

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing import errors
from billing.answers import BalanceView, CreditAnswer, LeaveAnswer
from billing.commands import Command, CreditOnDemand, LeaveProgramme, RegisterMember
from billing.decision import Outcome
from billing.records import Balances, Charge, Posting, Subscription
from billing.words import (
    Account,
    Block,
    Channel,
    ChargeStatus,
    ChargeType,
    Contract,
    MembershipState,
    Network,
    PostingKind,
)
from gateway.ussd_app import UssdApplication, UssdTerms
from ussd.application import TextKey, UssdReply, UssdRequest
from ussd.menu import MENUS, Action

MOSCOW = ZoneInfo("Europe/Moscow")
NOW = datetime(2025, 3, 20, 9, 4, tzinfo=UTC)
A = "79160000001"


def given_view(**changes: Any) -> BalanceView:
    subscription = Subscription(
        subscription_id=7,
        msisdn=A,
        created_at=NOW,
        contract=changes.pop("contract", Contract.INDIVIDUAL),
        network=changes.pop("network", Network.ON_NET),
        language=changes.pop("language", "ru"),
        unicode=changes.pop("unicode", None),
        blocks=changes.pop("blocks", frozenset()),
    )
    money = {"main": 12345, "cashback": 15000, "bonus": 8000} | changes.pop("money", {})
    return BalanceView(
        **{
            "subscription": subscription,
            "membership": MembershipState.ACTIVE,
            "balances": Balances(subscription_id=7, credited_period="2025-03", **money),
            "pending": 3500,
            "bonus_due_on": date(2025, 4, 1),
            "bonus_held": 0,
            "unpaid": 0,
            "as_of": NOW,
            **changes,
        }
    )


@dataclass
class Fakes:
    """Ledger, look-ups, clock and outbox of a test."""

    view: BalanceView | None = field(default_factory=given_view)
    fee: Charge | None = None
    postings: Sequence[Posting] = ()
    outcome: Any = None
    commands: list[Command] = field(default_factory=list)
    queued: list[tuple[str, str, bool]] = field(default_factory=list)
    can_queue: bool = True
    operators_main: int | None = None
    main_asked: list[str] = field(default_factory=list)

    def now(self) -> datetime:
        return NOW

    async def balances(self, msisdn: str) -> BalanceView:
        assert msisdn == A
        if self.view is None:
            raise errors.UnknownSubscriber("no subscription has this number")
        return self.view

    async def last_fee(self, msisdn: str) -> Charge | None:
        assert msisdn == A
        return self.fee

    async def movements(self, msisdn: str) -> Sequence[Posting]:
        assert msisdn == A
        return self.postings

    async def execute(self, command: Command) -> Outcome:
        self.commands.append(command)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Outcome(answer=self.outcome)

    async def queue_balance(self, msisdn: str, ref: str, latin: bool) -> bool:
        self.queued.append((msisdn, ref, latin))
        return self.can_queue

    async def ask_main(self, msisdn: str) -> int | None:
        self.main_asked.append(msisdn)
        return self.operators_main


def application(fakes: Fakes) -> UssdApplication:
    return UssdApplication(
        fakes,
        fakes,
        terms=UssdTerms(zone=MOSCOW, terms_version="7", owns_main=True, menus=MENUS),
        clock=fakes,
        queue_balance=fakes.queue_balance,
        ask_main=fakes.ask_main,
    )


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing real."""
    with pytest.raises(StopIteration) as ended:
        work.send(None)
    return ended.value.value


def request(action: Action, *, latin: bool = False) -> UssdRequest:
    return UssdRequest(request_id="s-1:1", msisdn=A, action=action, latin=latin, code="*100#", choices=())


def asked(action: Action, fakes: Fakes | None = None, *, latin: bool = False, **changes: Any) -> UssdReply:
    fakes = fakes or Fakes(view=given_view(**changes))
    reply = run(application(fakes).answer(request(action, latin=latin)))
    assert isinstance(reply, UssdReply)
    return reply


LEFT = MembershipState.LEFT
NONE = MembershipState.NONE
NOBODY_YET = {"membership": NONE, "money": {"cashback": 0, "bonus": 0}, "pending": 0, "bonus_due_on": None}


@pytest.mark.parametrize(
    ("changes", "balance", "cashback"),
    [
        ({}, "Баланс:123,45р\nКэшбэк:150р", "Кэшбэк:150р\nС 01.04:+80р\nОжидает:35р"),
        (
            {"money": {"cashback": 0, "bonus": 0, "main": -500}, "pending": 0, "bonus_due_on": None},
            "Минус:5,00р\nКэшбэк:0р",
            "Кэшбэк:0р\nС 01.04:+0р\nОжидает:0р",
        ),
        (
            {"blocks": frozenset({Block.INVESTIGATION}), "bonus_held": 8000, "bonus_due_on": None},
            "Баланс:123,45р\nКэшбэк:150р",
            "Кэшбэк:150р\nС 01.04:+0р\nОжидает:35р",
        ),
        ({"contract": Contract.CORPORATE}, "Баланс:123,45р", "Бонус:80р\nТолько на телефон"),
        (
            {"network": Network.OFF_NET},
            "Услуга доступна абонентам сети",
            "Услуга доступна абонентам сети",
        ),
        (NOBODY_YET, "Баланс:123,45р", "Вы не участник программы Кэшбэк. Регистрация: *100*2#"),
        (
            NOBODY_YET | {"contract": Contract.CORPORATE},
            "Баланс:123,45р",
            "Вы не участник программы Кэшбэк. Регистрация: *100*2#",
        ),
        ({"membership": LEFT, "money": {"bonus": 0}}, "Баланс:123,45р\nКэшбэк:150р", "Кэшбэк:150р"),
        (
            {"membership": LEFT, "money": {"bonus": 0, "cashback": 0}},
            "Баланс:123,45р",
            "Вы не участник программы Кэшбэк. Регистрация: *100*2#",
        ),
    ],
)
def test_balance_screens_by_contract_network_and_membership(
    changes: dict[str, Any], balance: str, cashback: str
) -> None:
    assert asked(Action.BALANCE, **dict(changes)).text == balance
    assert asked(Action.CASHBACK, **dict(changes)).text == cashback
    assert not asked(Action.BALANCE, **dict(changes)).menu


@pytest.mark.parametrize(
    ("main", "screen"),
    [(12345, "Баланс:123,45р\nКэшбэк:150р"), (-500, "Минус:5,00р\nКэшбэк:150р"), (None, "Кэшбэк:150р")],
)
def test_the_operators_main_balance_is_asked_for_and_never_guessed(main: int | None, screen: str) -> None:
    fakes = Fakes(operators_main=main)
    terms = UssdTerms(zone=MOSCOW, terms_version="7", owns_main=False, menus=MENUS)
    app = UssdApplication(
        fakes, fakes, terms=terms, clock=fakes, queue_balance=fakes.queue_balance, ask_main=fakes.ask_main
    )
    assert run(app.answer(request(Action.BALANCE))).text == screen
    run(app.answer(request(Action.CASHBACK)))
    assert fakes.main_asked == [A]
    stale = app.stale(request(Action.BALANCE))
    assert stale is not None
    assert "Баланс" not in stale.text


def test_another_operators_number_has_no_figures_at_the_soft_deadline_either() -> None:
    app = application(Fakes(view=given_view(network=Network.OFF_NET)))
    run(app.answer(request(Action.BALANCE)))
    for action in (Action.BALANCE, Action.CASHBACK):
        stale = app.stale(request(action))
        assert stale is not None
        assert stale.text == "Услуга доступна абонентам сети"


def test_hash_codes_show_the_same_in_latin() -> None:
    assert asked(Action.BALANCE, latin=True).text == "Balans:123,45r\nKeshbek:150r"
    assert asked(Action.CASHBACK, latin=True).text == "Keshbek:150r\nS 01.04:+80r\nOzhidaet:35r"


def test_languages_are_the_subscribers() -> None:
    assert asked(Action.BALANCE, language="en").text == "Balance:123,45r\nCashback:150r"
    assert asked(Action.CASHBACK, language="ro").text.endswith("In asteptare:35r")
    assert asked(Action.CASHBACK, language="ro", unicode="strict").text.endswith("În așteptare:35r")


@pytest.mark.parametrize("action", [one for one in Action if one is not Action.NO_SUCH_CODE])
def test_a_number_never_registered_is_no_member_on_every_code(action: Action) -> None:
    fakes = Fakes(view=None)
    assert asked(action, fakes).text == "Вы не участник программы Кэшбэк. Регистрация: *100*2#"
    assert fakes.commands == []


@pytest.mark.parametrize("action", list(Action))
def test_other_operators_numbers_get_their_text_on_every_code(action: Action) -> None:
    fakes = Fakes(view=given_view(network=Network.OFF_NET))
    reply = asked(action, fakes)
    assert (reply.text, reply.menu) == ("Услуга доступна абонентам сети", False)
    assert fakes.commands == []


def test_what_is_no_code_says_so_to_everybody() -> None:
    said = "Нет такой команды. Баланс *100#, кэшбэк *100*1#"
    assert asked(Action.NO_SUCH_CODE).text == said
    assert asked(Action.NO_SUCH_CODE, Fakes(view=None)).text == said


def test_last_bill_and_none_yet() -> None:
    assert asked(Action.BILL).text == "Счетов пока нет"
    fee = Charge(
        subscription_id=7,
        charge_id="fee:2025-04:7",
        entry_no=3,
        type=ChargeType.TARIFF_FEE,
        amount=65000,
        cashback=15000,
        main=50000,
        unpaid=0,
        status=ChargeStatus.PAID,
        occurred_at=NOW,
        booked_at=NOW,
    )
    assert asked(Action.BILL, Fakes(fee=fee)).text == "Счет 650 р: кэшбэк 150 р, основной счет 500 р."


def test_movements_have_sign_day_and_word() -> None:
    def posting(kind: PostingKind, source: Account, target: Account, amount: int) -> Posting:
        return Posting(
            subscription_id=7, entry_no=1, tx_no=1, kind=kind, source=source, target=target,
            amount=amount, booked_at=datetime(2025, 3, 31, 21, tzinfo=UTC), effective_at=NOW, ref="r",
        )  # fmt: skip

    postings = [
        posting(PostingKind.CHARGE, Account.MAIN, Account.REVENUE, 50000),
        posting(PostingKind.CHARGE, Account.CASHBACK, Account.REVENUE, 15000),
        posting(PostingKind.CREDIT, Account.BONUS, Account.CASHBACK, 15000),
        posting(PostingKind.REVERSAL, Account.BONUS, Account.PROGRAMME_EXPENSE, 150),
        posting(PostingKind.TOPUP, Account.CASH_IN, Account.MAIN, 30000),
    ]
    assert asked(Action.MOVEMENTS, Fakes(postings=postings)).text.split("\n") == [
        "01.04 -500 счет", "01.04 -150 кэшбэк", "01.04 +150 на счет", "01.04 -1,50 возврат", "01.04 +300 платеж",
    ]  # fmt: skip
    assert asked(Action.MOVEMENTS).text == "Движений пока нет"


@pytest.mark.parametrize("kind", list(PostingKind))
@pytest.mark.parametrize("language", ["ru", "ro", "en"])
def test_every_kind_of_posting_has_a_word(kind: PostingKind, language: str) -> None:
    for source in (Account.CASHBACK, Account.MAIN):
        posting = Posting(
            subscription_id=7, entry_no=1, tx_no=1, kind=kind, source=source, target=Account.REVENUE,
            amount=1, booked_at=NOW, effective_at=NOW, ref="r",
        )  # fmt: skip
        assert asked(Action.MOVEMENTS, Fakes(view=given_view(language=language), postings=[posting])).text


def test_joining_asks_for_the_terms_then_joins_by_ussd() -> None:
    fakes = Fakes(view=given_view(**NOBODY_YET))
    question = asked(Action.JOIN, fakes)
    assert question.menu
    assert question.text.endswith("\n1 Принимаю условия")
    assert fakes.commands == []
    assert asked(Action.JOIN_ACCEPT, fakes).text == "Вы участник программы Кэшбэк. Баланс: *100*1#"
    (command,) = fakes.commands
    assert command == RegisterMember(msisdn=A, channel=Channel.USSD, accept_terms=True, terms_version="7")


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (errors.AlreadyMember("x"), "Вы уже участник программы Кэшбэк. Баланс: *100*1#"),
        (errors.BlockedInvestigation("x"), "Подключить нельзя: номер заблокирован"),
        (errors.BlockedMnp("x"), "Подключить нельзя: номер заблокирован"),
        (errors.BlockedFinal("x"), "Подключить нельзя: номер заблокирован"),
        (errors.FullFormRequired("x"), "Подключение только на сайте с полной анкетой"),
        (errors.NotEligible("x"), "Операция недоступна. Деньги в порядке"),
    ],
)
def test_a_refused_joining_is_told_on_the_screen(refusal: Exception, said: str) -> None:
    assert asked(Action.JOIN_ACCEPT, Fakes(view=given_view(**NOBODY_YET), outcome=refusal)).text == said


def test_a_member_is_not_asked_to_join_again() -> None:
    reply = asked(Action.JOIN)
    assert (reply.text, reply.menu) == ("Вы уже участник программы Кэшбэк. Баланс: *100*1#", False)


def test_credit_now_asks_then_credits_once_per_question() -> None:
    fakes = Fakes(outcome=CreditAnswer(credit_id="ussd:s-1:1", credited=8000))
    assert asked(Action.CREDIT, fakes) == UssdReply(
        text="Зачислить бонус 80р на счет сейчас?\n1 Зачислить", menu=True
    )
    assert asked(Action.CREDIT_CONFIRM, fakes).text == "Зачислено 80р. Тратится первым"
    assert fakes.commands == [CreditOnDemand(credit_id="ussd:s-1:1", msisdn=A)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (NOBODY_YET, "Вы не участник программы Кэшбэк. Регистрация: *100*2#"),
        ({"contract": Contract.CORPORATE}, "Зачисление недоступно. Бонус можно потратить на телефон"),
        ({"blocks": frozenset({Block.INVESTIGATION})}, "Зачисление недоступно: номер на проверке"),
        ({"money": {"bonus": 0}}, "Бонуса пока нет. Кэшбэк *100*1#"),
    ],
)
def test_who_cannot_be_credited_is_told_why(changes: dict[str, Any], said: str) -> None:
    assert asked(Action.CREDIT, **dict(changes)).text == said


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (errors.NotMember("x"), "Вы не участник программы Кэшбэк. Регистрация: *100*2#"),
        (errors.BlockedInvestigation("x"), "Зачисление недоступно: номер на проверке"),
        (errors.NotEligible("x"), "Операция недоступна. Деньги в порядке"),
        (CreditAnswer(credit_id="c", credited=0), "Бонуса пока нет. Кэшбэк *100*1#"),
    ],
)
def test_a_credit_that_did_not_happen_is_told(outcome: Any, said: str) -> None:
    assert asked(Action.CREDIT_CONFIRM, Fakes(outcome=outcome)).text == said


def test_leaving_says_what_lapses_and_asks() -> None:
    lapses = {"bonus": "80.00", "pending": "35.00", "cashback": "0.00"}
    fakes = Fakes(outcome=errors.ConfirmLapse("x", details={"lapses": lapses}))
    reply = asked(Action.LEAVE, fakes)
    assert reply == UssdReply(text="Выход из программы Кэшбэк. Сгорит: бонус 80р, ожидает 35р\n1 Выйти", menu=True)
    assert fakes.commands == [LeaveProgramme(msisdn=A, channel=Channel.USSD, confirm=False)]
    lapses["cashback"] = "120.00"
    assert asked(Action.LEAVE, fakes).text == ("Выход. Сгорит: бонус 80р, ожидает 35р, кэшбэк 120р\n1 Выйти")
    fakes.outcome = LeaveAnswer(lapsed=8000)
    assert asked(Action.LEAVE_CONFIRM, fakes).text == "Вы вышли из программы Кэшбэк. Сгорело 80р"
    fakes.outcome = errors.NotMember("x")
    for action in (Action.LEAVE, Action.LEAVE_CONFIRM):
        assert asked(action, fakes).text == "Вы не участник программы Кэшбэк. Регистрация: *100*2#"


@pytest.mark.parametrize("language", ["ru", "ro", "en"])
def test_the_menu_lists_every_choice_with_its_key(language: str) -> None:
    reply = asked(Action.MENU, language=language)
    assert reply.menu
    assert [line.split(" ")[0] for line in reply.text.split("\n")] == [one.key for one in MENUS[Action.MENU]]


def test_at_the_soft_deadline_the_last_known_figures_are_shown_with_their_time() -> None:
    fakes = Fakes()
    app = application(fakes)
    assert app.stale(request(Action.BALANCE)) is None
    run(app.answer(request(Action.BALANCE)))
    balance = app.stale(request(Action.BALANCE))
    assert balance is not None
    assert balance.text == "Баланс:123,45р\nКэшбэк:150р\nНа 12:04"
    cashback = app.stale(request(Action.CASHBACK))
    assert cashback is not None
    assert cashback.text == "Кэшбэк:150р\nС 01.04:+80р\nОжидает:35р\nНа 12:04"
    assert app.stale(request(Action.LEAVE)) is None


def test_at_the_hard_deadline_the_balance_comes_by_sms_once_it_is_stored() -> None:
    fakes = Fakes()
    app = application(fakes)
    assert run(app.deadline_passed(request(Action.CASHBACK))) == "Сервис занят. Деньги в порядке. Баланс придет в SMS"
    assert fakes.queued == [(A, "s-1:1", False)]
    fakes.can_queue = False
    assert run(app.deadline_passed(request(Action.BALANCE))) == "Попробуйте позже. Деньги в порядке"
    assert run(app.deadline_passed(request(Action.LEAVE_CONFIRM))) == "Попробуйте позже. Деньги в порядке"
    assert len(fakes.queued) == 2


def test_fixed_texts_come_from_memory_in_the_language_last_seen() -> None:
    app = application(Fakes(view=given_view(language="en")))
    assert app.text(TextKey.TRY_LATER, A, latin=False) == "Попробуйте позже. Деньги в порядке"
    run(app.answer(request(Action.BALANCE)))
    assert app.text(TextKey.TRY_LATER, A, latin=False) == "Please try later. Your money is safe"
    for key in TextKey:
        assert app.text(key, "79160000009", latin=True).isascii()
