"""Old messages are forgotten once nothing more will happen to them; the rest stays, and the queue goes on."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sending import NOON, A, Sending, run
from sqlalchemy import func, select

from gateway.purging import REST_S, Purging
from sms.outbox import MobileOriginated, record_mo
from sms.outbox.purge import CHUNK_ROWS
from sms.outbox.schema import attempt, inbox, message
from sms.smpp.constants import CommandStatus

KEEP_DAYS = 30


class Forgetting(Sending):
    def __init__(self, keep_days: int = KEEP_DAYS) -> None:
        super().__init__()
        self.start()
        self.wall_days = 0
        self.purging = Purging(
            self.database,
            self.clock,
            keep_days=keep_days,
            now=lambda: self.business,
            wall=lambda: self.wall() + timedelta(days=self.wall_days),
        )
        run(self.purging.start())

    def ids(self) -> list[str]:
        found: list[str] = self.database.do(
            lambda one: one.execute(select(message.c.message_id).order_by(message.c.seq)).scalars().all()
        )
        return found

    def count(self, table: Any) -> int:
        return int(self.database.do(lambda one: one.execute(select(func.count()).select_from(table)).scalar()))


@pytest.fixture
def forgetting() -> Iterator[Forgetting]:
    one = Forgetting()
    yield one
    run(one.purging.stop())
    stopped = one.stop(drain_s=0)
    one.after(2)
    assert stopped.called


def test_finished_messages_go_when_they_are_old_and_all_that_hangs_on_them(forgetting: Forgetting) -> None:
    session = forgetting.bind()
    forgetting.texts["long"] = "x" * 400
    forgetting.queue("dead", "long")
    session.answer_all(CommandStatus.ESME_RINVDSTADR)
    forgetting.queue("waits-for-receipt")
    session.answer_all()
    forgetting.queue("waits-for-its-hour", not_before=NOON + timedelta(days=60))
    forgetting.business = NOON + timedelta(days=KEEP_DAYS, seconds=-1)
    forgetting.after(2)
    assert len(forgetting.ids()) == 4
    forgetting.business = NOON + timedelta(days=KEEP_DAYS, seconds=1)
    forgetting.queue("young", created_at=forgetting.business)
    session.answer_all(CommandStatus.ESME_RINVDSTADR)
    forgetting.after(REST_S, step=60)
    assert forgetting.ids() == ["waits-for-receipt", "waits-for-its-hour", "young"]
    assert forgetting.count(attempt) == 2


def test_much_is_forgotten_in_chunks_of_a_bounded_size_between_which_others_go(forgetting: Forgetting) -> None:
    rows = 2 * CHUNK_ROWS + 50
    forgetting.queue(*(f"m{at}" for at in range(rows)))
    forgetting.database.do(lambda one: one.execute(message.update().values(state="delivered")))
    forgetting.business = NOON + timedelta(days=KEEP_DAYS + 1)
    forgetting.after(1.01)
    assert len(forgetting.ids()) == rows - CHUNK_ROWS
    forgetting.after(1)
    assert len(forgetting.ids()) == rows - 2 * CHUNK_ROWS
    forgetting.after(1)
    assert forgetting.ids() == []


def test_what_subscribers_wrote_goes_by_the_wall_clock(forgetting: Forgetting) -> None:
    mo = MobileOriginated(
        link="sms", source=A, destination="4400", text="hi", payload=b"hi", umr=None, received_at=NOON
    )
    forgetting.database.do(record_mo, mo)
    forgetting.after(2)
    assert forgetting.count(inbox) == 1
    forgetting.wall_days = KEEP_DAYS + 1
    forgetting.after(REST_S + 2, step=60)
    assert forgetting.count(inbox) == 0


def test_zero_keeps_everything() -> None:
    forgetting = Forgetting(keep_days=0)
    forgetting.bind().on_submit = lambda _pdu: None
    forgetting.queue("m")
    forgetting.database.do(lambda one: one.execute(message.update().values(state="delivered", lease_owner=None)))
    forgetting.business = NOON + timedelta(days=4000)
    forgetting.after(REST_S, step=60)
    assert forgetting.ids() == ["m"]
    stopped = forgetting.stop(drain_s=0)
    forgetting.after(2)
    assert stopped.called


def test_a_database_that_fails_is_tried_again_later(forgetting: Forgetting) -> None:
    forgetting.queue("m")
    forgetting.database.do(lambda one: one.execute(message.update().values(state="delivered", lease_owner=None)))
    forgetting.business = NOON + timedelta(days=KEEP_DAYS + 1)
    forgetting.database.broken = True
    forgetting.after(2)
    forgetting.database.broken = False
    forgetting.after(REST_S / 60 + 2, step=1)
    assert forgetting.ids() == []
