"""Logs: one line an event, JSON or pretty on a terminal; numbers of subscribers only as keyed tags, secrets never.

Twisted's log is joined in: an event whose format begins with a snake_case word (`link_changed {link} {state}`) keeps
that word as its name and its fields as fields; anything else is `twisted_log` with its text.
"""

import hashlib
import re
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

TAG_OCTETS = 6
TEXT_CHARACTERS_MAX = 20_000
HIDDEN = "********"
SECRET_NAMES = frozenset({"password", "secret", "secrets", "key", "authorization", "cookie", "token", "hash"})
CONTENT_NAMES = frozenset({"text", "short_message", "body"})
"""What was said to or by a subscriber is not logged; its length is."""

_FAILING_ROW = re.compile(r"DETAIL:.*")
"""PostgreSQL shows the whole row that a constraint refused, names and addresses with it."""
_NUMBER = re.compile(r"\+[0-9](?:[ ()-]{0,2}[0-9]){9,14}(?![0-9])|(?<![0-9])[0-9]{10,15}(?![0-9])", re.ASCII)
_NAMED = re.compile(r"([a-z0-9]+(?:_[a-z0-9]+)+)\b")
_PLAIN = (int, float, bool, type(None))


class Masker:
    """Turns a number into a tag that is the same while the secret is, and cannot be turned back without it."""

    def __init__(self, secret: bytes) -> None:
        """`secret`: up to 64 random octets."""
        self._secret = secret

    def __call__(self, msisdn: str) -> str:
        """`m:` and twelve hexadecimal digits."""
        digits = "".join(character for character in msisdn if character.isdigit())
        return f"m:{hashlib.blake2b(digits.encode(), key=self._secret, digest_size=TAG_OCTETS).hexdigest()}"


class Redaction:
    """A structlog processor that lets no number, secret or message text through, wherever it stands in an event."""

    def __init__(self, mask: Masker) -> None:
        self._mask = mask

    def __call__(
        self,
        _logger: Any,
        _method: str,
        event: MutableMapping[str, Any],
    ) -> MutableMapping[str, Any]:
        """The event as it may be written."""
        return {name: self._clean(name, value) for name, value in event.items()}

    def _clean(self, name: str, value: Any) -> Any:
        if name in SECRET_NAMES or name.endswith(("_key", "_secret", "_password")):
            return HIDDEN
        if name in CONTENT_NAMES and isinstance(value, str | bytes):
            return f"<{len(value)} characters>"
        if isinstance(value, bool | float | type(None)):
            return value
        if isinstance(value, int):
            cleaned = self._text(str(value))
            return value if cleaned == str(value) else cleaned
        if isinstance(value, dict):
            return {str(key): self._clean(str(key), one) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(name, one) for one in value]
        return self._text(value if isinstance(value, str) else str(value))

    def _text(self, text: str) -> str:
        told = _FAILING_ROW.sub("DETAIL: (a row)", text[:TEXT_CHARACTERS_MAX])
        return _NUMBER.sub(lambda found: self._mask(found.group()), told)


@implementer(ILogObserver)
class TwistedObserver:
    """Hands Twisted's events to structlog."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def __call__(self, event: LogEvent) -> None:
        """One event of twisted.logger."""
        level = event.get("log_level") or LogLevel.info
        name, fields = fields_of(event)
        failure = event.get("log_failure")
        if failure is not None:
            fields["exception"] = failure.getTraceback()
        method: Callable[..., Any] = getattr(self._logger, "warning" if level is LogLevel.warn else level.name)
        method(name, **fields)


def fields_of(event: LogEvent) -> tuple[str, dict[str, Any]]:
    """The name and the fields of a Twisted event."""
    template = event.get("log_format")
    named = _NAMED.match(template) if isinstance(template, str) else None
    fields: dict[str, Any] = {"logger": event.get("log_namespace", "")}
    if named is None:
        return "twisted_log", fields | {"message": formatEvent(event)}
    own = {name: value for name, value in event.items() if not name.startswith("log_") and name != "time"}
    return named.group(1), fields | {
        name: value if isinstance(value, _PLAIN) else str(value) for name, value in own.items()
    }


def set_up_logs(stream: TextIO, *, is_terminal: bool, secret: bytes) -> None:
    """Write the program's log and Twisted's to a stream; `secret` keys the tags of numbers.

    Once per process, at its start.
    """
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)
        if is_terminal
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            Redaction(Masker(secret)),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("INFO"),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    globalLogBeginner.beginLoggingTo([TwistedObserver(structlog.get_logger())], redirectStandardIO=False)
