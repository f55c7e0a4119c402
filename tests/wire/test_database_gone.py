"""PostgreSQL goes away under a running gateway and comes back: nobody waits for long, nothing is lost or double."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import postgres_server
import pytest
from postgres_server import NoPostgres, Server
from system import A, Reply, System

TRY_LATER = "Попробуйте позже. Деньги в порядке"
DIAL_SECONDS_MAX = 2.0
ANSWER_SECONDS_MAX = 5.0
RETURN_SECONDS_MAX = 30.0
CALLERS = 8


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that is ours to stop."""
    try:
        with postgres_server.server() as running:
            yield running
    except NoPostgres as reason:
        pytest.skip(f"no PostgreSQL: {reason}")


@pytest.fixture
def served(server: Server, tmp_path: Path) -> Iterator[System]:
    """A gateway on that server, with a member who has 1,000 roubles."""
    url = postgres_server.new_database(server.url, "fc_gone")
    system = System(tmp_path / "gone").start("--database", url)
    try:
        system.member(A, main="1000.00")
        yield system
    finally:
        system.stop()


class Billing:
    """Billing systems that draw a rouble again and again, each from its own thread, and write down what they hear."""

    def __init__(self, system: System) -> None:
        self.heard: dict[str, Reply] = {}
        self._system = system
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._draw, args=(n,)) for n in range(CALLERS)]
        for one in self._threads:
            one.start()

    def stop(self) -> None:
        """Hear the last answers."""
        self._is_over.set()
        for one in self._threads:
            one.join()

    def _draw(self, caller: int) -> None:
        number = 0
        while not self._is_over.is_set():
            charge_id = f"c-{caller}-{number}"
            self.heard[charge_id] = self._system.charge(charge_id, A, "0.10")
            number += 1


def _within(seconds: float, asked: Callable[[], Any]) -> Any:
    began = time.monotonic()
    answer = asked()
    assert time.monotonic() - began < seconds, (time.monotonic() - began, answer)
    return answer


def _until_drawn(system: System, charge_id: str) -> Reply:
    end = time.monotonic() + RETURN_SECONDS_MAX
    while (reply := system.charge(charge_id, A, "0.10")).status == http.client.SERVICE_UNAVAILABLE:
        assert time.monotonic() < end, system.output()
        time.sleep(0.1)
    return reply


def test_while_the_database_is_gone_callers_are_told_to_try_later_and_afterwards_everything_goes_on(
    server: Server, served: System
) -> None:
    billing = Billing(served)
    time.sleep(0.5)
    server.stop()
    refused = _within(ANSWER_SECONDS_MAX, lambda: served.charge("while-gone", A, "0.10"))
    screens = [_within(DIAL_SECONDS_MAX, partial(served.dial, A, code)) for code in ("*100#", "*100*1#")]
    billing.stop()
    server.start()
    assert (refused.status, refused.body["code"]) == (503, "UNAVAILABLE")
    assert int(refused.headers["Retry-After"]) > 0
    assert [TRY_LATER in screen["text"] for screen in screens] == [True, True], screens

    assert _until_drawn(served, "while-gone").status == http.client.CREATED
    statuses = {reply.status for reply in billing.heard.values()}
    assert statuses == {http.client.CREATED, http.client.SERVICE_UNAVAILABLE}
    for charge_id, reply in billing.heard.items():
        again = _until_drawn(served, charge_id)
        if reply.status == http.client.CREATED:
            assert (again.status, again.body) == (http.client.OK, reply.body)
        else:
            assert again.status in {http.client.OK, http.client.CREATED}
    drawn = len(billing.heard) + 1
    assert served.sums(A)[2] == f"{(100_000 - 10 * drawn) // 100}.{(100_000 - 10 * drawn) % 100:02d}"
    assert TRY_LATER not in served.screen(A, "*100#")
    served.verify()
