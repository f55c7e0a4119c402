"""The configuration from one TOML file with the environment over it, and findings that say what to mend where.

`FIRSTCHARGE__SECTION__KEY=value`; lists of tables as JSON (`FIRSTCHARGE__LINKS=[…]`) or by number
(`FIRSTCHARGE__LINKS__0__PORT=2775`); `…_FILE` names a file that holds the value, in TOML as `password_file`.
All findings come at once: `firstcharge.toml:14  links.smsc-1.window = 0  must be 1..255; 10 is usual`.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.settings import LIST_SECTIONS, Settings
from gateway.settings_checks import contradictions, secrets_of_samples
from gateway.settings_findings import Place, finding_of, located
from gateway.settings_lines import lines_of

PREFIX = "FIRSTCHARGE__"
FILE_SUFFIX = "_file"
SECRET_OCTETS_MAX = 4096


class ConfigurationError(Exception):
    """The configuration is missing or wrong; `findings` are lines for people, one for each thing to mend."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = tuple(findings)


def load(path: Path | None, environ: Mapping[str, str], *, demo: bool = False) -> Settings:
    """The configuration of a file (None: there is none) with the environment over it.

    `demo`, or `demo = true` in the file, allows sample secrets.

    Raises:
        ConfigurationError: with everything that is missing or wrong.
    """
    origin = str(path) if path is not None else ""
    text = _read(path)
    document = _parse(text, origin)
    places = {place: f"{origin}:{line}" for place, line in lines_of(text).items()}
    findings = [*_take_secret_files(document, (), places, path), *_merge(document, environ, places)]
    if demo:
        document["demo"] = True
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError([*findings, *_findings(error, document, places, origin)]) from None
    findings += [located(place, text, document, places, origin) for place, text in _cross_checks(settings)]
    if findings:
        raise ConfigurationError(findings)
    return settings


def _cross_checks(settings: Settings) -> list[tuple[Place, str]]:
    samples = [] if settings.demo else secrets_of_samples(settings)
    return [*contradictions(settings), *samples]


def _findings(
    error: ValidationError, document: Mapping[str, Any], places: Mapping[Place, str], origin: str
) -> list[str]:
    errors = error.errors(include_url=False)
    wrong_inside = {one["loc"][:-1] for one in errors} | {one["loc"][:-2] for one in errors}
    return [
        finding_of(one, document, places, origin)
        for one in errors
        if not (one["type"] == "too_short" and one["input"] and one["loc"] in wrong_inside)
    ]


def _read(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError([f"{path}: there is no such file; firstcharge config init writes one"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path}: {error}"]) from None


def _parse(text: str, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"{origin}: not TOML: {error}"]) from None


def _take_secret_files(table: dict[str, Any], place: Place, places: dict[Place, str], path: Path | None) -> list[str]:
    """Replace every `key_file` by `key` with the file's content; relative to the configuration file's folder."""
    findings: list[str] = []
    for key in list(table):
        value = table[key]
        if isinstance(value, dict):
            findings += _take_secret_files(value, (*place, key), places, path)
        elif isinstance(value, list):
            for number, one in enumerate(value):
                if isinstance(one, dict):
                    findings += _take_secret_files(one, (*place, key, number), places, path)
        elif key.endswith(FILE_SUFFIX) and isinstance(value, str):
            found = (path.parent if path else Path()) / value
            where = places.get((*place, key), "configuration")
            wanted = key.removesuffix(FILE_SUFFIX)
            try:
                table[wanted] = _secret(found)
            except (OSError, UnicodeDecodeError) as error:
                findings.append(f"{where}  {key} = {value}  must be a readable file: {error}")
            del table[key]
            places[(*place, wanted)] = where
    return findings


def _merge(document: dict[str, Any], environ: Mapping[str, str], places: dict[Place, str]) -> list[str]:
    """Lay variables over the document; their names stand for the place in findings."""
    findings: list[str] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        parts = name.removeprefix(PREFIX).lower().split("__")
        value: Any = environ[name]
        if parts[-1].endswith(FILE_SUFFIX):
            parts[-1] = parts[-1].removesuffix(FILE_SUFFIX)
            try:
                value = _secret(Path(value))
            except (OSError, UnicodeDecodeError) as error:
                findings.append(f"{name} = {value}  must be a readable file: {error}")
                continue
        try:
            place = _put(document, parts, value)
        except (ValueError, TypeError) as error:
            findings.append(f"{name}  {error}")
            continue
        places[place] = name
    return findings


def _put(document: dict[str, Any], parts: Sequence[str], value: str) -> Place:
    """Set one value; raises ValueError with the rest of a finding."""
    place: list[str | int] = []
    table: Any = document
    for position, part in enumerate(parts):
        is_last = position == len(parts) - 1
        key: str | int = int(part) if isinstance(table, list) and part.isdigit() else part
        place.append(key)
        if isinstance(table, list):
            if not isinstance(key, int) or key > len(table):
                raise ValueError(f"must name one of the {len(table)} entries by number, or the next")
            if key == len(table):
                table.append({})
        if is_last:
            table[key] = _value(place, value)
        elif isinstance(table, list):
            table = table[int(key)]
        else:
            table = table.setdefault(key, [] if key in LIST_SECTIONS and position == 0 else {})
        if not is_last and not isinstance(table, dict | list):
            raise ValueError("must name a key, not something below one")
    return tuple(place)


def _value(place: Sequence[str | int], text: str) -> Any:
    """Tables and lists come as JSON, single values as they stand."""
    if place[0] in LIST_SECTIONS and len(place) == 1:
        return _json(text)
    return _json(text) if text[:1] in {"{", "["} else text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"= {text[:40]}  must be JSON") from None


def _secret(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(SECRET_OCTETS_MAX).strip()
