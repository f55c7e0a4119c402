"""What may be configured: the sections `simulator` and `[[accounts]]` of the TOML file, environment over it.

Unknown keys are refused with the nearest right one named; other sections belong to the gateway and are not
read. Environment: FIRSTCHARGE__SIMULATOR__KEY and FIRSTCHARGE__ACCOUNTS (a JSON list).
"""

import difflib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from simulator.errors import ConfigurationInvalid
from simulator.personas import EVERY_PERSONA

ENVIRONMENT_PREFIX = "FIRSTCHARGE__"

Role = Literal["sms", "ussd"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Account(_Section):
    """One ESME that may bind.

    `source` lists the addresses it may send from (empty: any) and so the numbers whose messages it gets;
    `profile` is its USSD dialect; `sessions_max` bounds its sessions at once.
    """

    system_id: str = Field(min_length=1, max_length=15)
    password: str = Field(max_length=8, repr=False)
    roles: tuple[Role, ...] = ("sms", "ussd")
    window: int = Field(default=1000, ge=1, le=100_000)
    rate_per_s: int = Field(default=0, ge=0, description="0: no limit")
    source: tuple[str, ...] = ()
    profile: Literal["generic", "tata", "sixdee", "mica", "php_smpp"] = "generic"
    sessions_max: int = Field(default=32, ge=1, le=10_000)


DEFAULT_ACCOUNTS = (
    Account(system_id="gateway", password="secret1"),  # noqa: S106 - the published account of the simulator
    Account(system_id="demo", password="demo"),  # noqa: S106 - the published account for anyone's own ESME
)


class Simulator(_Section):
    """Where to listen, whom to speak to, and the timers of the simulated network."""

    host: str = "127.0.0.1"
    sim_port: int = Field(default=8081, ge=0, le=65535)
    smpp_port: int = Field(default=2775, ge=0, le=65535)
    allowed_hosts: tuple[str, ...] = ()
    gateway_url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://[^/]+/?$")
    gateway_key: str = Field(default="demo-key", repr=False)
    bind_errors: Literal["specific", "uniform"] = "specific"
    service_number: str = Field(default="4400", pattern=r"^[0-9]{1,15}$")
    zone: str = "Europe/Moscow"
    shop_secrets: dict[str, str] = Field(default_factory=dict, repr=False)
    bind_deadline_s: float = Field(default=5.0, gt=0, le=600)
    inactivity_s: float = Field(default=0.0, ge=0, le=86_400, description="0: never")
    enquire_link_s: float = Field(default=30.0, gt=0, le=3_600)
    response_timeout_s: float = Field(default=10.0, gt=0, le=600)
    partial_pdu_s: float = Field(default=10.0, gt=0, le=600)
    write_stall_s: float = Field(default=30.0, gt=0, le=600)
    ussd_answer_s: float = Field(default=15.0, gt=0, le=600)
    ussd_customer_s: float = Field(default=60.0, gt=0, le=600)
    ussd_session_s: float = Field(default=180.0, gt=0, le=3_600)
    delivery_retry_s: float = Field(default=1.0, gt=0, le=3_600)
    delivery_ttl_s: float = Field(default=3_600.0, gt=0, le=864_000)
    messages_max: int = Field(default=200_000, ge=100, le=5_000_000)
    pdus_max: int = Field(default=20_000, ge=100, le=1_000_000)
    message_id_width: int = Field(default=14, ge=0, le=64)
    persona: str = Field(default="modern", pattern=r"^[a-z0-9_]{1,40}$")

    @field_validator("persona")
    @classmethod
    def _is_a_persona(cls, name: str) -> str:
        if name not in EVERY_PERSONA:
            raise ValueError(f"no persona is called {name}: there are {', '.join(EVERY_PERSONA)}")
        return name


class Settings(_Section):
    """The whole of it."""

    simulator: Simulator = Simulator()
    accounts: tuple[Account, ...] = DEFAULT_ACCOUNTS

    @field_validator("accounts")
    @classmethod
    def _system_ids_differ(cls, accounts: tuple[Account, ...]) -> tuple[Account, ...]:
        seen = [account.system_id for account in accounts]
        twice = sorted({one for one in seen if seen.count(one) > 1})
        if twice:
            raise ValueError(f"system_id {', '.join(twice)} stands twice")
        return accounts


def load_settings(
    *, path: Path | None, environment: Mapping[str, str], overrides: Mapping[str, Any] | None = None
) -> Settings:
    """The configuration of a file, under the environment, under what the command line said.

    Raises ConfigurationInvalid with one line for each thing that is wrong.
    """
    document = _of_file(path)
    _merge_environment(document, environment)
    document.setdefault("simulator", {}).update(overrides or {})
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        origin = str(path) if path else "configuration"
        raise ConfigurationInvalid("\n".join(_lines(error, origin))) from None


def _of_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationInvalid(f"{path}: {error}") from None
    return {name: whole[name] for name in ("simulator", "accounts") if name in whole}


def _merge_environment(document: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Values are read as JSON where they are JSON, else as they stand; `_FILE` names a file with the value."""
    for name, raw in sorted(environment.items()):
        section, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if not name.startswith(ENVIRONMENT_PREFIX) or section not in ("simulator", "accounts"):
            continue
        text = raw
        if key.endswith("_file"):
            key = key.removesuffix("_file")
            text = _secret(name, raw)
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if section == "accounts":
            document["accounts"] = value
        else:
            wanted = Simulator.model_fields.get(key)
            is_text = wanted is not None and wanted.annotation is str
            document.setdefault("simulator", {})[key] = text if is_text else value


def _secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationInvalid(f"{name}: {error}") from None


def _lines(error: ValidationError, origin: str) -> list[str]:
    lines: list[str] = []
    for one in error.errors():
        place = ".".join(str(part) for part in one["loc"])
        reason = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            known = [*(Account if one["loc"][0] == "accounts" else Simulator).model_fields]
            nearest = difflib.get_close_matches(str(one["loc"][-1]), known, n=1, cutoff=0.0)
            reason = f"unknown key; did you mean {nearest[0]}?"
        lines.append(f"{origin}: {place}: {reason}")
    return lines
