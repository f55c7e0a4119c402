"""The demo's driver: two children, the catalogue, the story, then waiting for Ctrl-C.

A synchronous program: it only starts, asks and waits. Whatever ends it, the children are stopped in order.
"""

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.cli.client import Answer, Client
from gateway.cli.configuration import load_settings
from gateway.cli.errors import Unreachable
from gateway.cli.output import Style
from gateway.cli.shell import DEMO_KEY, Shell
from gateway.demo import folder as demo_folder
from gateway.demo import toml
from gateway.demo.catalogue import CATALOGUE, TARIFFS
from gateway.demo.children import Children
from gateway.demo.errors import DemoFailed, NotReady, PortTaken
from gateway.demo.narrator import Narrator
from gateway.demo.plan import HOST, DemoOptions, Plan, plan_of
from gateway.demo.story import A, tell
from gateway.demo.world import World

READY_SECONDS_MAX = 60.0
POLL_SECONDS = 0.02
WATCH_SECONDS = 0.2
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

PAGES = (
    ("phone", "sim", "/"),
    ("inbox", "sim", "/inbox"),
    ("network", "sim", "/network"),
    ("operations", "http", "/ops"),
    ("log in", "http", "/login"),
    ("API", "http", "/docs"),
    ("API document", "http", "/openapi.json"),
)
NOT_THERE = 404


def run(shell: Shell, options: DemoOptions) -> int:
    """Run one demo; answers the exit code."""
    plan = plan_of(options, config=shell.config, environ=shell.environ)
    with _ended_by_signals():
        try:
            return _run(shell, options, plan)
        except KeyboardInterrupt:
            shell.say("stopped before the demo was up")
            return 1


def _run(shell: Shell, options: DemoOptions, plan: Plan) -> int:
    for option, port in plan.port_options().items():
        refuse_taken(port, option)
    with demo_folder.held(plan.folder):
        if not options.keep:
            demo_folder.empty(plan.folder)
        plan.configuration_file.write_text(toml.dumps(plan.document), encoding="utf-8")
        if plan.is_configured:
            load_settings(Shell(config=plan.configuration_file, environ=plan.environ))
        children = Children(plan.folder, plan.environ)
        try:
            _start(children, plan)
            return _Demo(shell, options, plan, children).run()
        finally:
            for name in children.stop():
                shell.say(f"the {name} did not stop in time and was killed")


class _Demo:
    """A demo whose children run."""

    def __init__(self, shell: Shell, options: DemoOptions, plan: Plan, children: Children) -> None:
        self._shell = shell
        self._options = options
        self._plan = plan
        self._children = children
        self._gateway = Client(plan.gateway_url, key=DEMO_KEY)
        self._simulator = Client(plan.simulator_url)
        zone = _zone(plan.zone)
        self._world = World(
            gateway=self._gateway,
            simulator=self._simulator,
            narrator=Narrator(shell, zone),
            waiting=shell,
            zone=zone,
            watch=children.check,
        )

    def run(self) -> int:
        began = self._shell.seconds()
        self._wait_for(self._gateway, "/healthz", "gateway")
        self._load_catalogue()
        self._wait_for(self._simulator, "/sim/faults", "simulator")
        self._wait_for(self._gateway, "/readyz", "gateway's links")
        self._shell.say(self._shell.paint(f"ready in {self._shell.seconds() - began:.1f} s", Style.QUIET))
        if self._options.story:
            self._tell()
        if self._options.exit_after:
            return 0
        with contextlib.suppress(KeyboardInterrupt):
            self._show_addresses()
            while True:
                self._children.check()
                self._shell.pause(WATCH_SECONDS)
        self._shell.say("\nstopping")
        return 0

    def _tell(self) -> None:
        if self._world.knows(A):
            self._shell.say(
                f"the story was told before: {A} is known here (end, and start without --keep, to hear it)"
            )
            return
        began = self._shell.seconds()
        tell(self._world)
        self._shell.say(self._shell.paint(f"told in {self._shell.seconds() - began:.1f} s", Style.QUIET))

    def _load_catalogue(self) -> None:
        """The demo's tariffs and partners; a catalogue that was kept stays as it is."""
        if self._gateway.ask("GET", "/v1/catalogue")["partners"]:
            return
        for code, fee in TARIFFS.items():
            self._gateway.ask("PUT", f"/v1/tariffs/{code}", {"fee": fee})
        self._gateway.ask("PUT", "/v1/catalogue", CATALOGUE)

    def _wait_for(self, client: Client, path: str, what: str) -> None:
        end = self._shell.seconds() + READY_SECONDS_MAX
        while True:
            seen = _answer_or_reason(client, path)
            if isinstance(seen, Answer) and seen.ok:
                return
            self._children.check()
            if self._shell.seconds() > end:
                told = f"{seen.status} {seen.body}" if isinstance(seen, Answer) else seen
                raise NotReady(
                    f"the {what} is not ready after {READY_SECONDS_MAX:.0f} s: GET {client.base_url}{path}: {told}",
                    fix=f"look into the logs in {self._plan.folder}",
                )
            self._shell.pause(POLL_SECONDS)

    def _show_addresses(self) -> None:
        clients: Mapping[str, Client] = {"sim": self._simulator, "http": self._gateway}
        shown = [
            (name, clients[which].base_url + path)
            for name, which, path in PAGES
            if clients[which].call("GET", path).status != NOT_THERE
        ]
        if self._shell.json:
            self._shell.show({"pages": dict(shown), "gateway_key": DEMO_KEY, "smpp_port": self._plan.smpp_port})
        self._shell.say("")
        for name, address in shown:
            self._shell.say(f"{name:<13} {self._shell.paint(address, Style.STRONG)}")
        self._shell.say(f"{'gateway key':<13} {DEMO_KEY}")
        self._shell.say(f"{'SMPP':<13} {HOST}:{self._plan.smpp_port}  system_id demo, password demo")
        self._shell.say("Ctrl-C ends")


def refuse_taken(port: int, option: str) -> None:
    """Make sure a child can listen on the port.

    Raises:
        PortTaken: somebody else does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError as error:
            raise PortTaken(
                f"port {port} on {HOST} is taken: {error.strerror}",
                fix=f"end the program that listens there, or choose another port with {option}",
            ) from None


def _start(children: Children, plan: Plan) -> None:
    """The network comes first: the gateway's links bind at the first try then."""
    options = ["--host", HOST, "--sim-port", str(plan.sim_port), "--smpp-port", str(plan.smpp_port)]
    options += ["--gateway-url", plan.gateway_url, "--gateway-key", DEMO_KEY]
    if plan.user_config is not None:
        options += ["--config", str(plan.user_config)]
    children.start("simulator", "simulator", options)
    children.start("gateway", "gateway", ["serve", "--upgrade", "--config", str(plan.configuration_file)])


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise DemoFailed(f"programme.zone = {name}  is no time zone", fix="a name like Europe/Moscow") from None


def _answer_or_reason(client: Client, path: str) -> Answer | str:
    try:
        return client.call("GET", path)
    except Unreachable as error:
        return error.message


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo the way Ctrl-C does, also where the caller ignores SIGINT."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {
        one: signal.signal(one, interrupt) for one in ENDING_SIGNALS
    }
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
