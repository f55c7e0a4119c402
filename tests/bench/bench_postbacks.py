"""B9: signed postbacks over HTTP against a resource that does nothing behind the same door.

Every postback is a paid order of a member through a click of its own: it makes an accrual. The floor gets the same
octets.
"""

import contextlib
import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench_charges import row
from charges_doors import PARTNER, SECRET, call, gateway, per_second, request
from charges_world import FIRST_ID, NOW, SUBSCRIPTIONS, fill
from sqlalchemy import Connection

from billing.records import Click, Membership, Reward
from billing.store.writer import put
from billing.words import Channel, MembershipState
from gateway.database import open_engine

HERE = Path(__file__).parent
POSTBACKS = 6_000
ROUNDS = 3
OK = 200
CATALOGUE = {
    "partners": [{"code": PARTNER, "name": "Ozon", "category": "shop", "percent": "5", "secrets": [SECRET]}],
    "promos": [],
}


def run() -> Iterator[dict[str, Any]]:
    """The row of B9."""
    figures, floors = [], []
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder)) as port, _noop() as noop:
        for number in range(ROUNDS):
            signed = [_signed(number * POSTBACKS + n) for n in range(POSTBACKS)]
            figures.append(per_second(port, signed, lambda status: status == OK))
            floors.append(per_second(noop, signed, lambda status: status == OK))
        accrued = call(port, "GET", f"/v1/accruals/{PARTNER}/o-{ROUNDS * POSTBACKS - 1}", None)
        assert json.loads(accrued[1])["state"] == "pending", accrued
    yield row("B9 signed postbacks, 64 connections, SQLite FULL", figures, floors, "≥ 0.4")


def _signed(number: int) -> bytes:
    order = {
        "event": "paid",
        "order_id": f"o-{number}",
        "click_id": f"k-{number}",
        "goods": "1000.00",
        "channel": "web",
    }
    body = json.dumps(order).encode()
    stamp = int(time.time())
    digest = hmac.new(SECRET.encode(), b"%d." % stamp + body, hashlib.sha256).hexdigest()
    return request("POST", f"/v1/postbacks/{PARTNER}", body, f"Firstcharge-Signature: t={stamp},v1={digest}")


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[int]:
    """A gateway over members with a click each; its port."""
    url = f"sqlite:///{folder / 'served.db'}"
    with gateway(folder, url) as port:
        assert call(port, "PUT", "/v1/catalogue", CATALOGUE)[0] == OK
    engine = open_engine(url)
    with engine.begin() as connection:
        fill(connection, credited_period="2199-12")
        _join_and_click(connection, datetime.now(NOW.tzinfo))
    engine.dispose()
    with gateway(folder, url) as port:
        yield port


def _join_and_click(connection: Connection, now: datetime) -> None:
    earlier = now - timedelta(days=1)
    records: list[Membership | Click] = []
    for number in range(SUBSCRIPTIONS):
        subscription_id = FIRST_ID + number * 7
        records.append(
            Membership(
                subscription_id=subscription_id,
                state=MembershipState.ACTIVE,
                joined_at=earlier,
                channel=Channel.WEB,
                terms_accepted_at=earlier,
            )
        )
        records.append(
            Click(
                click_id=f"k-{number}",
                subscription_id=subscription_id,
                msisdn=f"79{number:09d}",
                partner=PARTNER,
                clicked_at=now - timedelta(hours=1),
                valid_until=now + timedelta(days=30),
                reward=Reward(percent=5_000_000),
                min_purchase=0,
                terms_version="1",
            )
        )
    put(connection, records, NOW)


@contextlib.contextmanager
def _noop() -> Iterator[int]:
    """The port of the door behind which nothing happens."""
    command = [sys.executable, str(HERE / "noop_door.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()
