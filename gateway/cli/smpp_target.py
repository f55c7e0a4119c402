"""Which SMSC a verb talks to, and how what goes wrong there is told; any SMSC, not only ours."""

import functools
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.task import react

from gateway.cli.errors import BadUsage, Failed, Unreachable
from gateway.cli.shell import Command, verb
from sms.errors import BindRefused, LinkClosed, RequestFailed
from sms.smpp.config import BindKind, LinkConfig
from sms.smpp.constants import CommandStatus
from sms.smpp.describe import name_of_status

T = TypeVar("T")

PORT_DEFAULT = 2775
PORT_LAST = 65_535
VERSIONS = {"3.3": 0x33, "3.4": 0x34, "5.0": 0x50}

REFUSALS: Mapping[int, str] = {
    CommandStatus.ESME_RINVSYSID: "the SMSC knows no such --system-id",
    CommandStatus.ESME_RINVPASWD: "the --password is wrong (8 characters at most)",
    CommandStatus.ESME_RBINDFAIL: "system_id, password, address or number of sessions: the SMSC's side says which",
    CommandStatus.ESME_RALYBND: "this system_id is bound already; end that session first",
    CommandStatus.ESME_RINVSYSTYP: "the SMSC wants another --system-type",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One SMSC and who we are to it."""

    config: LinkConfig
    tls: bool

    @property
    def where(self) -> str:
        """Its address as people write it."""
        return f"{self.config.host}:{self.config.port}"

    def endpoint(self, reactor: Any) -> IStreamClientEndpoint:
        """How to reach it."""
        plain = HostnameEndpoint(reactor, self.config.host, self.config.port)
        return wrapClientTLS(optionsForClientTLS(self.config.host), plain) if self.tls else plain

    def ask(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        """Run a tool on a reactor of its own; what goes wrong becomes a CliError with the fix."""
        try:
            return run_reactor(work)
        except (ConnectError, DNSLookupError) as error:
            raise Unreachable(
                f"{self.where} cannot be reached: {error}", fix="is the SMSC up, and is this its SMPP port?"
            ) from None
        except BindRefused as refusal:
            status = refusal.command_status
            why = f"{self.where} refused the bind: {name_of_status(status)}"
            raise Failed(why, fix=REFUSALS.get(status)) from None
        except (LinkClosed, RequestFailed) as error:
            raise Failed(
                f"{self.where} gave no usable answer: {error}",
                fix="does this port speak SMPP? for TLS add --tls; for a slow SMSC a longer --timeout",
            ) from None


def smsc_verb(function: Command) -> Command:
    """A verb that binds to an SMSC; its function is given the Target after the Shell."""

    @functools.wraps(function)
    def with_target(shell: Any, **options: Any) -> Any:
        host, port = _address(options.pop("address"))
        config = LinkConfig(
            name="tool",
            host=host,
            port=port,
            system_id=_fits(options.pop("system_id"), 15, "--system-id"),
            password=_fits(options.pop("password"), 8, "--password"),
            bind=BindKind(options.pop("bind")),
            system_type=_fits(options.pop("system_type"), 12, "--system-type"),
            interface_version=VERSIONS[options.pop("interface_version")],
            response_timeout_s=options.pop("timeout"),
            window=options.get("window") or 10,
        )
        return function(shell, Target(config=config, tls=options.pop("tls")), **options)

    wrapped = verb(with_target)
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


_OPTIONS: tuple[Callable[[Command], Command], ...] = (
    click.argument("address", metavar="[HOST:PORT]", default=f"127.0.0.1:{PORT_DEFAULT}"),
    click.option("--system-id", default="demo", show_default=True, help="Who we are to the SMSC."),
    click.option(
        "--password", envvar="FIRSTCHARGE_SMPP_PASSWORD", default="demo", help="[FIRSTCHARGE_SMPP_PASSWORD, demo]"
    ),
    click.option(
        "--bind", type=click.Choice([one.value for one in BindKind]), default="transceiver", show_default=True,
        help="How to bind.",
    ),
    click.option("--system-type", default="", help="system_type of the bind."),
    click.option(
        "--interface-version", type=click.Choice(list(VERSIONS)), default="3.4", show_default=True, help="Of SMPP."
    ),
    click.option("--tls", is_flag=True, help="Through TLS; the certificate must be good for HOST."),
    click.option(
        "--timeout", type=click.FloatRange(min=0.1, max=600), default=10.0, show_default=True, metavar="SECONDS",
        help="How long an answer may take.",
    ),
)  # fmt: skip


def run_reactor(work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """Run one coroutine on the reactor and give back its result, or raise its error; Ctrl-C raises click.Abort."""
    results: list[T] = []
    errors: list[BaseException] = []

    def main(reactor: Any) -> Deferred[None]:
        reactor.seconds = time.monotonic  # Twisted's timers stop when the wall clock goes back
        running = Deferred.fromCoroutine(work(reactor))
        return running.addCallbacks(results.append, lambda failure: errors.append(failure.value))

    try:
        react(main)
    except SystemExit:
        if errors:
            raise errors[0] from None
    if not results:
        raise click.Abort
    return results[0]


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, str(PORT_DEFAULT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdecimal()) or not 0 < int(port) <= PORT_LAST:
        raise BadUsage(f"{text!r} is no HOST:PORT", fix="write it like smsc.example.net:2775")
    return host, int(port)


def _fits(text: str, most: int, option: str) -> str:
    if len(text) > most or not (text.isascii() and text.isprintable()):
        raise BadUsage(f"{option} has at most {most} printable ASCII characters (SMPP 3.4 §5.2)")
    return text
