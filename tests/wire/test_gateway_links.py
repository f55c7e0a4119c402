"""The gateway's links on real sockets: TLS with an authority of its own, and a list of links that changes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from certificates import certificate
from pydantic import SecretStr, ValidationError
from test_smpp_loopback import Owner
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.task import deferLater

from gateway.links import Links
from gateway.settings import LinkSection
from sms.delivery.lines import Lines
from sms.smpp.client import LinkState
from sms.smpp.config import BindKind, Timing
from sms.smpp.constants import CommandStatus
from sms.smpp.pdu import Bind
from sms.smpp.server import Accepted, SmscFactory

reactor: Any = _reactor
SECONDS_MAX = 5.0


class Smsc:
    """An SMSC that takes anybody, in clear or under TLS."""

    def __init__(self) -> None:
        self.owner = Owner()
        self.binds: list[str] = []
        self.port = 0
        self._listening: Any = None
        self.factory = SmscFactory(
            self.owner,
            authenticate=self._authenticate,
            clock=reactor,
            timing=Timing(enquire_link_s=None, response_timeout_s=5.0),
        )

    def _authenticate(self, bind: Bind, _host: str) -> Accepted | CommandStatus:
        self.binds.append(bind.system_id)
        return Accepted(system_id="smsc", window=10)

    async def listen(self, options: Any = None) -> "Smsc":
        endpoint = (
            TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
            if options is None
            else SSL4ServerEndpoint(reactor, 0, options, interface="127.0.0.1")
        )
        self._listening = await endpoint.listen(self.factory)
        self.port = self._listening.getHost().port
        return self

    async def stop(self) -> None:
        await self._listening.stopListening()
        await until(lambda: not self.factory.sessions)


class Roads:
    """Remembers what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def add_link(self, section: LinkSection) -> None:
        self.told.append(f"+{section.name}")

    def retire_link(self, section: LinkSection) -> None:
        self.told.append(f"-{section.name}")


class NoDialogues:
    """USSD without a dialogue."""

    def link_lost(self, link: object) -> None:
        """None is on it."""


def section(name: str, port: int, **fields: Any) -> LinkSection:
    return LinkSection(
        name=name, roles=("ussd",), host="127.0.0.1", port=port, system_id=name, password=SecretStr("x"), **fields
    )


def links_of(sections: Sequence[LinkSection]) -> tuple[Links, list[tuple[str, bool]]]:
    changed: list[tuple[str, bool]] = []
    made = Links(
        sections,
        reactor,
        lines=Lines([]),
        inbound=None,  # type: ignore[arg-type] # these links carry USSD alone
        ussd=NoDialogues(),  # type: ignore[arg-type] # nobody dials here
        changed=lambda name, is_up: changed.append((name, is_up)),
        refused=lambda _error: None,
    )
    return made, changed


async def until(look: Callable[[], Any]) -> None:
    for _ in range(int(SECONDS_MAX / 0.02)):
        if look():
            return
        await deferLater(reactor, 0.02)
    raise AssertionError("it did not come about")


@pytest_twisted.ensureDeferred
async def test_a_link_binds_under_tls_to_whom_its_authority_vouches_for_and_to_nobody_else(tmp_path: Path) -> None:
    options, pem = certificate("localhost")
    authority = tmp_path / "ca.pem"
    authority.write_bytes(pem)
    smsc = await Smsc().listen(options)
    trusting = section("trusts", smsc.port, tls=True, tls_ca=str(authority)).model_copy(update={"host": "localhost"})
    wary = section("wary", smsc.port, tls=True).model_copy(update={"host": "localhost"})
    links, changed = links_of([trusting, wary])
    await links.start()
    await until(lambda: ("trusts", True) in changed)
    await until(lambda: links.links[1].state in (LinkState.WAITING, LinkState.CONNECTING))
    assert [one["tls"] for one in links.described()] == [True, True]
    assert smsc.binds == ["trusts"]
    await links.stop()
    await smsc.stop()
    assert ("wary", True) not in changed


def test_an_authority_that_cannot_be_read_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="must be a readable PEM file"):
        section("sms", 2775, tls=True, tls_ca="/nowhere/ca.pem")


@pytest_twisted.ensureDeferred
async def test_a_new_list_touches_only_the_links_that_it_changes() -> None:
    smsc = await Smsc().listen()
    same, other, gone = (section(name, smsc.port) for name in ("same", "other", "gone"))
    links, changed = links_of([same, other, gone])
    roads = Roads()
    await links.start()
    await until(lambda: len(smsc.binds) == 3 and not links.down)
    kept = links.links[0].protocol
    narrower = section("other", smsc.port, window=3, bind=BindKind.TRANSMITTER)
    done = await links.reload([same, narrower, section("fresh", smsc.port)], roads)
    assert (done.added, done.removed, done.changed, done.untouched) == (["fresh"], ["gone"], ["other"], ["same"])
    assert roads.told == ["-other", "-gone", "+other", "+fresh"]
    await until(lambda: len(smsc.binds) == 5 and not links.down)
    assert links.links[0].protocol is kept
    assert [link.config.window for link in links.links] == [10, 3, 10]
    assert changed.count(("same", True)) == 1
    assert ("gone", False) in changed
    assert smsc.owner.reasons == [None, None]
    assert len(smsc.factory.sessions) == 3
    nothing = await links.reload([same, narrower, section("fresh", smsc.port)], roads)
    assert len(nothing.untouched) == 3
    await links.stop()
    await smsc.stop()


@pytest_twisted.ensureDeferred
async def test_two_lists_at_once_are_gone_by_one_after_the_other() -> None:
    smsc = await Smsc().listen()
    one, two = section("one", smsc.port), section("two", smsc.port)
    links, _ = links_of([one])
    await links.start()
    await until(lambda: not links.down)
    first = Deferred.fromCoroutine(links.reload([two], Roads()))
    second = Deferred.fromCoroutine(links.reload([one, two], Roads()))
    assert (await first).removed == ["one"]
    assert (await second).added == ["one"]
    await until(lambda: not links.down)
    assert {link.config.name for link in links.links} == {"one", "two"}
    await links.stop()
    await smsc.stop()
