"""A silent SMSC is not a sound one, and one that dies in the middle is not the caller's mistake."""

import random
from collections import Counter
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock

from sms.smpp.config import LinkConfig
from sms.smpp.constants import HEADER_OCTETS, CommandStatus
from sms.smpp.pdu import BindTransceiver
from sms.tools import judging, misdeeds
from sms.tools.misbehave import Misdeed, misbehave
from sms.tools.stage import Stage


class Peer:
    """A connection that was, and what came on it."""

    def __init__(self, *, closed: bool = False, answered: dict[tuple[str, int], int] | None = None) -> None:
        self.answered = Counter(answered or {})
        self.closed_after_s = 1.0 if closed else None
        self.written = b""

    def count_of(self, name: str) -> int:
        return sum(count for (one, _), count in self.answered.items() if one == name)

    def write(self, octets: bytes) -> None:
        self.written += octets

    def send(self, _: Any) -> int:
        return 1

    async def answer_to(self, _number: int, _seconds: float) -> None:
        """Nothing comes."""

    def drop(self) -> None:
        """It is gone."""


class Deaf:
    """An endpoint that refuses every connection."""

    async def connect(self, _: Any) -> Any:
        raise Refused


def given_stage(*peers: Peer, system_id: str = "demo", count: int = 3) -> Stage:
    config = LinkConfig(name="t", host="127.0.0.1", port=1, system_id=system_id, password="p")
    return Stage(
        config=config, endpoint=cast("Any", Deaf()), clock=Clock(), rng=random.Random(1), count=count, seconds=1.0,
        to="79160000001", peers=cast("Any", list(peers)),
    )  # fmt: skip


BOUND = {("bind_transceiver_resp", 0): 1}
REFUSED = {("bind_transceiver_resp", int(CommandStatus.ESME_RINVSYSID)): 1}


@pytest.mark.parametrize(
    ("peer", "sound"),
    [(Peer(answered=REFUSED), True), (Peer(closed=True), True), (Peer(answered=BOUND), False), (Peer(), False)],
)
def test_a_bind_that_is_wrong_is_refused_or_the_connection_closed(peer: Peer, sound: bool) -> None:
    assert (judging.refuses_bind(given_stage(peer)) is None) == sound


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        (2, "1 of 3 requests were not answered"),
        (3, None),
        (4, "3 requests had 4 answers"),
    ],
)
def test_each_request_has_one_answer(answers: int, complaint: str | None) -> None:
    stage = given_stage(Peer(answered={("submit_sm_resp", 0): answers}))
    assert judging.answers_all(lambda one: one.count)(stage) == complaint


@pytest.mark.parametrize("system_id", ["demo", ""])
def test_an_oversized_system_id_spoils_nothing_but_itself(system_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peer, stage = Peer(), given_stage(system_id=system_id or "demo")
    monkeypatch.setattr(Stage, "connected", lambda _: _given(peer))
    monkeypatch.setattr(Stage, "bind", lambda _, **fields: BindTransceiver(system_id=system_id, **fields))
    assert Deferred.fromCoroutine(misdeeds.oversized_field(stage)).called
    assert int.from_bytes(peer.written[:4], "big") == len(peer.written)
    assert peer.written[4:8] == b"\0\0\0\x09"
    assert peer.written[HEADER_OCTETS:].startswith(b"x" * 60 + b"\0")


def test_as_many_are_answered_unasked_as_were_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    peer, stage = Peer(), given_stage(count=1)
    monkeypatch.setattr(Stage, "bound", lambda _: _given(peer))
    assert Deferred.fromCoroutine(misdeeds.unasked_responses(stage)).called
    assert peer.written[4:8] == b"\x80\0\0\x04"


async def _given(peer: Peer) -> Peer:
    return peer


def dying(*, let_in: bool) -> Misdeed:
    async def run(stage: Stage) -> None:
        if let_in:
            stage.peers.append(cast("Any", Peer()))
        await stage.connected()

    return Misdeed("kills it", "lives on", run, judging.nothing_more)


@pytest_twisted.ensureDeferred
async def test_an_smsc_that_dies_of_a_misdeed_is_unsound() -> None:
    report = await misbehave(dying(let_in=True), given_stage())
    assert (report.complaint or "").startswith("a good client is no longer served")


@pytest_twisted.ensureDeferred
async def test_an_smsc_that_never_let_us_in_is_not_judged() -> None:
    with pytest.raises(Refused):
        await misbehave(dying(let_in=False), given_stage())
