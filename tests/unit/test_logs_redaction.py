"""Logs: no number in clear, no secret, one JSON line an event, Twisted's log joined in."""

import io
import json
from typing import Any

import pytest
import structlog
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure

from gateway.logs import Masker, Redaction, TwistedObserver, fields_of, set_up_logs

MASK = Masker(b"k" * 32)
A = "79160000001"


def cleaned(**event: Any) -> dict[str, Any]:
    return dict(Redaction(MASK)(None, "info", event))


def test_a_tag_is_keyed_short_and_the_same_for_every_spelling_of_digits() -> None:
    assert MASK(A) == MASK("+7 916 000-00-01")
    assert MASK(A).startswith("m:")
    assert len(MASK(A)) == 14
    assert MASK(A) != Masker(b"x" * 32)(A)


@pytest.mark.parametrize(
    "text",
    [A, f"+{A}", f"GET /v1/subscribers/{A}/balance", f"accrued:{A}", f"'{A}'", "+7 916 000-00-01", f"x{A}y"],
)
def test_numbers_become_tags_wherever_they_stand(text: str) -> None:
    said = cleaned(event="x", where=text, deep={"in": [text]}, **{"as": int(A)})
    assert A not in json.dumps(said)
    assert "0-00-01" not in json.dumps(said)
    assert MASK(A) in said["where"]
    assert MASK(A) in said["deep"]["in"][0]
    assert said["as"] == MASK(A)


@pytest.mark.parametrize("name", ["password", "api_key", "key", "secret", "authorization", "cookie"])
def test_secrets_are_never_written(name: str) -> None:
    assert cleaned(event="x", **{name: "s3cr3t"}) == {"event": "x", name: "********"}


def test_what_was_said_to_a_subscriber_is_only_measured() -> None:
    assert cleaned(text="Баланс:123,45р") == {"text": "<14 characters>"}


def test_the_row_that_a_constraint_refused_is_not_shown() -> None:
    said = cleaned(
        event="x", log_failure='violates "ck"\nDETAIL:  Failing row contains (1, Иван, ivan@example.com).\nend'
    )
    assert "ivan" not in json.dumps(said, ensure_ascii=False)
    assert said["log_failure"].endswith("\nend")


def test_short_numbers_dates_and_counts_stay_readable() -> None:
    event = {
        "event": "x",
        "port": 2775,
        "at": "2025-03-03T12:00:00+03:00",
        "n": 781204,
        "ok": True,
        "r": 0.5,
        "no": None,
    }
    assert cleaned(**event) == event


def given_logger(stream: io.StringIO) -> Any:
    return structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[structlog.processors.add_log_level, Redaction(MASK), structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger("INFO"),
    )


def test_twisteds_events_keep_their_name_and_fields() -> None:
    stream = io.StringIO()
    logger = Logger(namespace="gateway.links", observer=LogPublisher(TwistedObserver(given_logger(stream))))
    logger.info("link_changed {link} {state}", link="smsc-1", state="bound", number=A)
    logger.emit(LogLevel.warn, "Timing out client: {peer}", peer=f"<{A}>")
    logger.debug("not_written {x}", x=1)
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first == {
        "event": "link_changed",
        "logger": "gateway.links",
        "link": "smsc-1",
        "state": "bound",
        "number": MASK(A),
        "level": "info",
    }
    assert (second["event"], second["level"]) == ("twisted_log", "warning")
    assert second["message"] == f"Timing out client: <{MASK(A)}>"


def test_a_failure_is_told_with_its_traceback_without_numbers() -> None:
    stream = io.StringIO()
    observer = TwistedObserver(given_logger(stream))
    try:
        int(f"number {A}")
    except ValueError:
        failure = Failure()
    observer(
        {
            "log_level": LogLevel.critical,
            "log_format": "request_failed {route}",
            "route": "/x",
            "log_failure": failure,
        }
    )
    said = json.loads(stream.getvalue())
    assert said["event"] == "request_failed"
    assert "ValueError" in said["exception"]
    assert A not in stream.getvalue()


def test_an_event_without_format_is_still_an_event() -> None:
    name, fields = fields_of({"log_level": LogLevel.info, "log_text": "x"})
    assert name == "twisted_log"
    assert "message" in fields


@pytest.mark.parametrize("is_terminal", [True, False])
def test_set_up_writes_to_the_stream(is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    observers: list[Any] = []
    monkeypatch.setattr("gateway.logs.globalLogBeginner.beginLoggingTo", lambda given, **_: observers.extend(given))
    try:
        set_up_logs(stream, is_terminal=is_terminal, secret=b"k" * 32)
        observers[0]({"log_level": LogLevel.info, "log_format": "gateway_ready {host}", "host": A})
    finally:
        structlog.reset_defaults()
    written = stream.getvalue()
    assert "gateway_ready" in written
    assert A not in written
    assert written.lstrip().startswith("{") is not is_terminal
