"""What one demo will run: ports, database, configuration, from options over environment over file over defaults.

Pure but for reading the user's configuration file. Tables of the user's file are laid over the demo's own; its
links replace the demo's one, what they leave out comes from that one; its keys stand beside the demo's.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.cli.shell import DEMO_KEY, GATEWAY_PORT, SIMULATOR_PORT, read_toml
from gateway.demo.errors import DemoFailed

HOST = "127.0.0.1"
SMPP_PORT = 2775
CLOCK_START = "2025-03-03T12:00:00+03:00"
ZONE = "Europe/Moscow"
SERVICE_NUMBER = "4400"
ENVIRONMENT = "FIRSTCHARGE__"
SCOPES = ("provisioning", "partner", "billing", "care", "ops")
DATABASE_FILE = "firstcharge.sqlite3"
CONFIGURATION_FILE = "firstcharge.toml"
LOCK_FILE = "demo.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """The command line of `firstcharge demo`; None where nothing was said."""

    exit_after: bool = False
    keep: bool = False
    story: bool = True
    folder: Path = Path(".firstcharge")
    http_port: int | None = None
    sim_port: int | None = None
    smpp_port: int | None = None
    database: str | None = None
    clock_start: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything the driver needs to know before it starts anything."""

    folder: Path
    document: Mapping[str, Any]
    environ: Mapping[str, str]
    http_port: int
    sim_port: int
    smpp_port: int
    zone: str
    user_config: Path | None
    is_configured: bool
    """Whether somebody set anything that may be wrong, and is worth checking before a start."""

    @property
    def gateway_url(self) -> str:
        """Where the gateway will answer."""
        return f"http://{HOST}:{self.http_port}"

    @property
    def simulator_url(self) -> str:
        """Where the simulator will answer."""
        return f"http://{HOST}:{self.sim_port}"

    @property
    def configuration_file(self) -> Path:
        """The gateway's configuration, written for this demo."""
        return self.folder / CONFIGURATION_FILE

    def port_options(self) -> dict[str, int]:
        """The ports by the option that chooses each."""
        return {"--http-port": self.http_port, "--sim-port": self.sim_port, "--smpp-port": self.smpp_port}


def plan_of(options: DemoOptions, *, config: Path | None, environ: Mapping[str, str]) -> Plan:
    """The plan of one demo."""
    user = with_absolute_files(read_toml(config), config.resolve().parent) if config else {}
    environ, user = _lists_taken(environ, user)
    folder = options.folder.resolve()
    values = _Values(user, environ)
    http_port = values.port("http", "port", options.http_port, GATEWAY_PORT)
    sim_port = values.port("simulator", "sim_port", options.sim_port, SIMULATOR_PORT)
    smpp_port = values.port("simulator", "smpp_port", options.smpp_port, SMPP_PORT)
    own = f"sqlite:///{folder / DATABASE_FILE}"
    url = values.text("database", "url", options.database, own)
    start = values.text("clock", "start", options.clock_start, CLOCK_START)
    document = merged(_own_document(http_port=http_port, smpp_port=smpp_port, url=url, start=start), user)
    document["http"]["port"] = http_port
    document["database"]["url"] = url
    document["clock"]["start"] = start
    return Plan(
        folder=folder,
        document=document,
        environ=_for_children({name: value for name, value in environ.items() if name not in values.settled}, values),
        http_port=http_port,
        sim_port=sim_port,
        smpp_port=smpp_port,
        zone=values.text("programme", "zone", None, ZONE),
        user_config=config.resolve() if config else None,
        is_configured=bool(user) or any(name.startswith(ENVIRONMENT) for name in environ),
    )


def merged(own: Mapping[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    """The user's document laid over the demo's own."""
    document = {name: dict(value) if isinstance(value, Mapping) else value for name, value in own.items()}
    for name, value in user.items():
        if name in ("simulator", "accounts"):
            continue  # the simulator's own sections, which it reads from the user's file itself
        if name == "links":
            document[name] = [{**own["links"][0], **link} for link in value]
        elif name == "keys":
            taken = {key.get("name") for key in value}
            document[name] = [*(key for key in own["keys"] if key["name"] not in taken), *value]
        elif isinstance(value, Mapping) and isinstance(document.get(name), dict):
            document[name] = {**document[name], **value}
        else:
            document[name] = value
    return document


def with_absolute_files(table: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The document with every `…_file` made absolute: it is written to another folder than it was read from."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            found[name] = with_absolute_files(value, base)
        elif isinstance(value, list):
            found[name] = [with_absolute_files(one, base) if isinstance(one, Mapping) else one for one in value]
        else:
            found[name] = str(base / value) if name.endswith("_file") and isinstance(value, str) else value
    return found


def _lists_taken(environ: Mapping[str, str], user: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Links and keys that the environment gives as JSON are treated like the file's, so that the demo's key stays."""
    left, taken = dict(environ), dict(user)
    for name in ("links", "keys"):
        variable = f"{ENVIRONMENT}{name}".upper()
        try:
            value = json.loads(left.get(variable, ""))
        except ValueError:
            continue  # the gateway says what is wrong with it
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            taken[name] = value
            del left[variable]
    return left, taken


def _for_children(environ: Mapping[str, str], values: "_Values") -> dict[str, str]:
    """The simulated network is of the same zone and number as the programme, unless it is told otherwise."""
    return {
        f"{ENVIRONMENT}SIMULATOR__ZONE": values.text(
            "simulator", "zone", None, values.text("programme", "zone", None, ZONE)
        ),
        f"{ENVIRONMENT}SIMULATOR__SERVICE_NUMBER": values.text(
            "simulator", "service_number", None, values.text("sms", "service_number", None, SERVICE_NUMBER)
        ),
        **environ,
    }


def _own_document(*, http_port: int, smpp_port: int, url: str, start: str) -> dict[str, Any]:
    return {
        "demo": True,
        "clock": {"kind": "manual", "start": start},
        "database": {"url": url},
        "http": {"host": HOST, "port": http_port},
        "links": [
            {
                "name": "simulator",
                "roles": ["sms", "ussd"],
                "host": HOST,
                "port": smpp_port,
                "system_id": "gateway",
                "password": "secret1",
            }
        ],
        "keys": [
            {
                "name": "demo",
                "hash": f"sha256:{hashlib.sha256(DEMO_KEY.encode()).hexdigest()}",
                "scopes": list(SCOPES),
            }
        ],
    }


class _Values:
    """Single values: option, else environment, else file, else default. Remembers which variables it used up."""

    def __init__(self, user: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._user = user
        self._environ = environ
        self.settled: set[str] = set()

    def text(self, section: str, key: str, option: str | None, default: str) -> str:
        """The value as text."""
        name = f"{ENVIRONMENT}{section}__{key}".upper()
        if option is not None:
            self.settled |= {name, f"{name}_FILE"}
            return option
        if name in self._environ:
            return self._environ[name]
        found = self._user.get(section, {}).get(key, default)
        return str(found.isoformat() if hasattr(found, "isoformat") else found)

    def port(self, section: str, key: str, option: int | None, default: int) -> int:
        """The value as a port."""
        text = self.text(section, key, None if option is None else str(option), str(default))
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):  # noqa: PLR2004 - ports
            raise DemoFailed(f"{section}.{key} = {text}  is no port", fix="a number from 1 to 65535")
        return int(text)
