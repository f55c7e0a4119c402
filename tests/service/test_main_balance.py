"""Rule 42: the operator's balance service answers in time and plainly, or the line is left out."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from gateway.main_balance import ANSWER_OCTETS_MAX, ASKED_MAX, MainBalanceService

A = "79160000001"
SECONDS_MAX = 0.3


class Balances(Resource):
    """A balance service that does as it is told."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[bytes, dict[bytes, list[bytes]]]] = []
        self.behave: Callable[[Request], Any] = lambda _: b'{"main":"123.45"}'
        self.held: list[Request] = []

    def render(self, request: Request) -> Any:
        self.asked.append((request.path, request.args))
        return self.behave(request)

    def hold(self, request: Request) -> Any:
        """Answer nothing; the request is kept."""
        request.notifyFinish().addErrback(lambda _: None)
        self.held.append(request)
        return NOT_DONE_YET


@pytest_twisted.async_yield_fixture
async def balances() -> AsyncIterator[tuple[Balances, str]]:
    service = Balances()
    site = Site(service)
    listening = reactor.listenTCP(0, site, interface="127.0.0.1")
    yield service, f"http://127.0.0.1:{listening.getHost().port}/balance"
    await listening.stopListening()
    for channel in list(reactor.getReaders()):
        if getattr(getattr(channel, "protocol", None), "factory", None) is site or hasattr(channel, "server"):
            channel.abortConnection()
    await settle()


async def settle() -> None:
    pause: Deferred[None] = Deferred()
    reactor.callLater(0.02, pause.callback, None)
    await pause


async def ask(url: str, *, times: int = 1) -> Any:
    service = MainBalanceService(url, reactor, seconds_max=SECONDS_MAX)
    try:
        for _ in range(times):
            main = await service.main_of(A)
        return main
    finally:
        await settle()  # a connection is kept only after its answer was read
        await service.stop()
        await settle()


@pytest_twisted.ensureDeferred
async def test_the_number_is_asked_for_and_the_sum_is_read(balances: tuple[Balances, str]) -> None:
    service, url = balances
    assert await ask(url, times=2) == 12345
    assert service.asked == [(b"/balance", {b"msisdn": [A.encode()]})] * 2
    assert await ask(f"{url}?token=x%26y") == 12345
    assert service.asked[-1][1] == {b"token": [b"x&y"], b"msisdn": [A.encode()]}
    service.behave = lambda _: b'{"main":"-5.00","currency":"RUB"}'
    assert await ask(url) == -500


NONSENSE = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'{"main":123.45}',
    b'{"main":"123,45"}',
    b'{"main":"123.456"}',
    b'{"main":"NaN"}',
    b'{"main":"9999999999999999.00"}',
    b"\xff\xfe",
    b"<html>",
    b"[" * 4000,
]


@pytest.mark.parametrize("body", NONSENSE)
@pytest_twisted.ensureDeferred
async def test_nonsense_is_no_answer(balances: tuple[Balances, str], body: bytes) -> None:
    service, url = balances
    service.behave = lambda _: body
    assert await ask(url) is None


@pytest.mark.parametrize("status", [204, 301, 302, 307, 400, 404, 500, 503])
@pytest_twisted.ensureDeferred
async def test_any_other_status_is_no_answer_and_no_redirect_is_followed(
    balances: tuple[Balances, str], status: int
) -> None:
    service, url = balances

    def refuse(request: Request) -> bytes:
        request.setResponseCode(status)
        request.setHeader(b"Location", url.encode())
        return b"" if status == 204 else b'{"main":"1.00"}'

    service.behave = refuse
    assert await ask(url) is None
    assert len(service.asked) == 1


@pytest_twisted.ensureDeferred
async def test_a_large_answer_is_cut_off_at_its_limit(balances: tuple[Balances, str]) -> None:
    service, url = balances
    padded = json.dumps({"main": "1.00"}).encode()
    service.behave = lambda _: padded.ljust(ANSWER_OCTETS_MAX)
    assert await ask(url) == 100
    service.behave = lambda _: padded.ljust(ANSWER_OCTETS_MAX + 1)
    assert await ask(url) is None
    service.behave = lambda _: b" " * (1 << 22)
    assert await ask(url) is None


@pytest_twisted.ensureDeferred
async def test_silence_a_dripping_body_and_a_closed_port_cost_no_more_than_the_time_there_is(
    balances: tuple[Balances, str],
) -> None:
    service, url = balances
    began = reactor.seconds()
    service.behave = service.hold
    assert await ask(url) is None

    def drip(request: Request) -> Any:
        request.write(b'{"main":')
        return service.hold(request)

    service.behave = drip
    assert await ask(url) is None
    assert await ask("http://127.0.0.1:9/balance") is None
    assert reactor.seconds() - began < 3 * SECONDS_MAX + 1


@pytest_twisted.ensureDeferred
async def test_more_questions_than_are_bounded_are_not_asked(balances: tuple[Balances, str]) -> None:
    service, url = balances
    service.behave = service.hold
    asking = MainBalanceService(url, reactor, seconds_max=SECONDS_MAX)
    try:
        many = [Deferred.fromCoroutine(asking.main_of(A)) for _ in range(ASKED_MAX + 5)]
        assert [one.called for one in many].count(True) == 5
        assert await gatherResults(many) == [None] * len(many)
        service.behave = lambda _: b'{"main":"1.00"}'
        assert await asking.main_of(A) == 100
    finally:
        await settle()
        await asking.stop()
        await settle()
