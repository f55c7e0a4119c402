"""The fault document and the dice."""

import random
from collections import Counter

import pytest
from pydantic import ValidationError

from simulator.faults import FaultPlan, Faults, IdForm, ResponseFault, id_in_form
from simulator.habits import Ids
from sms.smpp.constants import CommandStatus, MessageState


def plan_of(**document: object) -> FaultPlan:
    plan = FaultPlan(rng_for_seed=random.Random)
    plan.replace(Faults.model_validate(document))
    return plan


def test_what_get_gives_may_be_put_back_unchanged() -> None:
    document = Faults.model_validate(
        {"seed": 7, "response": {"delay_ms": [1, 2], "status": {"ESME_RTHROTTLED": 0.5}}, "rate_limit_per_s": 10}
    )
    assert Faults.model_validate_json(document.model_dump_json()) == document


def test_null_is_absent() -> None:
    nulls = {
        "seed": None,
        "link": None,
        "response": None,
        "receipt": {"states": None, "drop": None},
        "malformed": None,
    }
    assert Faults.model_validate(nulls) == Faults()


def test_nothing_put_is_no_fault_and_no_dice_are_thrown() -> None:
    plan = plan_of(seed=5, link="half_open")
    assert not plan.active
    assert plan.response() is ResponseFault.NONE
    assert plan.outcome() is MessageState.DELIVERED
    assert plan.receipt_copies() == 1


@pytest.mark.parametrize(
    "document",
    [
        {"link": "sideways"},
        {"response": {"drop": 1.1}},
        {"response": {"delay_ms": [5, 1]}},
        {"response": {"delay_ms": [0, 3_600_001]}},
        {"response": {"status": {"ESME_NONSENSE": 0.5}}},
        {"response": {"status": {"ESME_ROK": 0.5}}},
        {"response": {"status": {"ESME_RTHROTTLED": 0.6, "ESME_RMSGQFUL": 0.6}}},
        {"receipt": {"states": {"LOST": 0.1}}},
        {"receipt": {"id_form": "roman"}},
        {"ussd": {"abort": -0.1}},
        {"surprise": 1},
    ],
)
def test_what_cannot_be_a_fault_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Faults.model_validate(document)


def test_a_single_delay_stands_for_both_bounds() -> None:
    assert Faults.model_validate({"receipt": {"delay_ms": 40}}).receipt.delay_ms == (40, 40)


def test_the_same_seed_gives_the_same_faults() -> None:
    document = {"seed": 11, "response": {"drop": 0.3, "duplicate": 0.3, "delay_ms": [0, 1000]}}
    first, second = plan_of(**document), plan_of(**document)
    drawn = [(first.response(), first.response_delay_s()) for _ in range(50)]
    assert drawn == [(second.response(), second.response_delay_s()) for _ in range(50)]
    other = plan_of(**{**document, "seed": 12})
    assert drawn != [(other.response(), other.response_delay_s()) for _ in range(50)]


def test_statuses_come_with_their_probability() -> None:
    plan = plan_of(response={"status": {"ESME_RTHROTTLED": 0.25, "ESME_RMSGQFUL": 0.25}})
    drawn = Counter(plan.refusal() for _ in range(2000))
    assert set(drawn) == {None, CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RMSGQFUL}
    assert 900 < drawn[None] < 1100


def test_what_the_states_leave_goes_to_undeliv_where_delivrd_is_named() -> None:
    plan = plan_of(receipt={"states": {"DELIVRD": 0.9}})
    drawn = Counter(plan.outcome() for _ in range(1000))
    assert set(drawn) == {MessageState.DELIVERED, MessageState.UNDELIVERABLE}
    assert 60 < drawn[MessageState.UNDELIVERABLE] < 140


def test_what_the_states_leave_goes_to_delivrd_where_it_is_not_named() -> None:
    plan = plan_of(receipt={"states": {"EXPIRED": 0.5}})
    assert {plan.outcome() for _ in range(200)} == {MessageState.EXPIRED, MessageState.DELIVERED}


@pytest.mark.parametrize(
    ("form", "written"),
    [
        (IdForm.AS_SENT, "0006A1F0"),
        (IdForm.HEX, "6a1f0"),
        (IdForm.DECIMAL, "434672"),
        (IdForm.NO_ZEROS, "6A1F0"),
    ],
)
def test_the_four_forms_of_an_id_differ(form: IdForm, written: str) -> None:
    assert id_in_form("0006A1F0", form) == written


@pytest.mark.parametrize("form", IdForm)
def test_an_id_given_before_the_habit_changed_can_still_be_written(form: IdForm) -> None:
    assert id_in_form("0006A1F0", form, Ids.DECIMAL) == id_in_form("0006A1F0", form, Ids.HEX)
    assert id_in_form("434672", IdForm.HEX, Ids.DECIMAL) == "6a1f0"
