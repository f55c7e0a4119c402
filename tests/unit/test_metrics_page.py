"""The metrics page: the contract's names, no `_created`, no subscriber in a label."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from billing.answers import ChargeAnswer
from billing.decision import Outcome
from billing.words import ChargeStatus, ChargeType
from gateway.metrics import Metrics
from sms.delivery.counters import DeliveryCounters
from sms.errors import CommandIdUnknown, ConnectionDropped
from sms.outbox import Pending
from ussd.records import Outcome as SessionOutcome
from ussd.records import SessionRecord

NOW = datetime(2025, 3, 3, 9, tzinfo=UTC)


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def given_charge(**changes: Any) -> Outcome:
    figures = {"amount": 65000, "cashback": 15000, "main": 50000, "unpaid": 0} | changes
    return Outcome(
        answer=ChargeAnswer(
            charge_id="c",
            msisdn="79160000001",
            type=ChargeType.USAGE,
            status=ChargeStatus.PAID,
            steps=(),
            booked_at=NOW,
            **figures,
        )
    )


def test_what_was_counted_is_on_the_page() -> None:
    delivery = DeliveryCounters()
    delivery.submitted["accrued", "smsc-1", "accepted"] += 2
    delivery.segments["ucs2"] += 2
    delivery.throttled["smsc-1"] += 1
    delivery.possible_duplicates = 3
    delivery.in_doubt = 4
    delivery.delivered("smsc-1", 1.5)
    metrics = Metrics(delivery)
    metrics.link_changed("smsc-1", True)
    metrics.window_used("smsc-1", 7)
    metrics.link_rtt("smsc-1", 0.25)
    metrics.pdu_rejected(CommandIdUnknown("what is that"))
    metrics.pdu_rejected(ConnectionDropped("gone"))
    metrics.postback_rejected("signature")
    metrics.committed([given_charge(), given_charge()])
    metrics.committed([Outcome(answer=given_charge().answer, hit=True)])
    metrics.session_ended(
        SessionRecord(
            session_id="s",
            began_at=NOW,
            msisdn="m:1",
            code="*100#",
            dialled="*100#",
            trail=(),
            outcome=SessionOutcome.ANSWERED,
            latency_ms=5,
            duration_ms=15,
            octets=40,
        )
    )
    metrics.outbox(Pending(by_kind={"accrued": 5}, in_doubt=0, dead=0, oldest_due=NOW - timedelta(seconds=90)), NOW)
    metrics.month_progress(0.5)
    metrics.reactor_lag(0.002)
    metrics.database_wait(0.25)
    metrics.liability({"pending": 3500, "bonus": 8000, "cashback": 15000}, "RUB")
    found = samples(metrics)
    assert (
        found["firstcharge_sms_submitted_total", (("kind", "accrued"), ("link", "smsc-1"), ("result", "accepted"))]
        == 2
    )
    assert found["firstcharge_sms_segments_total", (("coding", "ucs2"),)] == 2
    assert found["firstcharge_smpp_throttled_total", (("link", "smsc-1"),)] == 1
    assert found["firstcharge_sms_possible_duplicates_total", ()] == 3
    assert found["firstcharge_outbox_in_doubt_total", ()] == 4
    assert found["firstcharge_sms_delivery_seconds_bucket", (("le", "2.0"), ("link", "smsc-1"))] == 1
    assert found["firstcharge_sms_delivery_seconds_bucket", (("le", "1.0"), ("link", "smsc-1"))] == 0
    assert found["firstcharge_smpp_link_up", (("link", "smsc-1"),)] == 1
    assert found["firstcharge_smpp_window_used", (("link", "smsc-1"),)] == 7
    assert found["firstcharge_smpp_enquire_link_rtt_seconds", (("link", "smsc-1"),)] == 0.25
    assert found["firstcharge_smpp_pdu_rejected_total", (("reason", "ESME_RINVCMDID"),)] == 1
    assert found["firstcharge_smpp_pdu_rejected_total", (("reason", "broken"),)] == 1
    assert found["firstcharge_postback_rejected_total", (("reason", "signature"),)] == 1
    assert found["firstcharge_bill_lines_total", (("outcome", "paid"),)] == 2
    assert found["firstcharge_bill_amount_minor_total", (("source", "cashback"),)] == 30000
    assert found["firstcharge_ussd_requests_total", (("code", "*100#"), ("outcome", "answered"))] == 1
    assert found["firstcharge_ussd_session_seconds_bucket", (("le", "0.02"),)] == 1
    assert found["firstcharge_ussd_session_seconds_bucket", (("le", "0.01"),)] == 0
    assert found["firstcharge_outbox_pending", (("kind", "accrued"),)] == 5
    assert found["firstcharge_outbox_oldest_seconds", ()] == 90
    assert found["firstcharge_month_run_progress_ratio", ()] == 0.5
    assert found["firstcharge_reactor_lag_seconds", ()] == 0.002
    assert found["firstcharge_db_pool_wait_seconds", ()] == 0.25
    for state, owed in (("pending", 3500), ("bonus", 8000), ("cashback", 15000)):
        assert found["firstcharge_cashback_liability_minor", (("currency", "RUB"), ("state", state))] == owed


def test_the_page_has_no_created_series_and_no_number() -> None:
    metrics = Metrics(DeliveryCounters())
    metrics.committed([given_charge()])
    page = metrics.exposition().decode()
    assert "_created" not in page
    assert "79160000001" not in page


@pytest.mark.parametrize(
    "name",
    [
        *("ussd_requests", "ussd_session_seconds", "sms_submitted", "sms_segments", "sms_delivery_seconds"),
        *("outbox_pending", "outbox_oldest_seconds", "outbox_in_doubt", "sms_possible_duplicates", "smpp_link_up"),
        *("smpp_enquire_link_rtt_seconds", "smpp_pdu_rejected"),
        *("smpp_window_used", "smpp_throttled", "accruals", "postback_rejected", "cashback_liability_minor"),
        *(
            "bill_lines",
            "bill_amount_minor",
            "month_run_progress_ratio",
            "reactor_lag_seconds",
            "db_pool_wait_seconds",
        ),
    ],
)
def test_every_name_is_on_the_page_before_anything_happened(name: str) -> None:
    families = text_string_to_metric_families(Metrics(DeliveryCounters()).exposition().decode())
    assert f"firstcharge_{name}" in {one.name for one in families}
