"""The verbs of operators against a running gateway: a paused link holds messages back, one message tells its life."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from system import System

from gateway.cli.root import run

A = "79162000001"
SECONDS_MAX = 10

Verb = Callable[..., Any]


@pytest.fixture
def verb(shared: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    """Runs a command line with --json; what it answered, or its exit code where it failed."""
    monkeypatch.setenv("FIRSTCHARGE_URL", f"http://127.0.0.1:{shared.http_port}")

    def ran(*arguments: str) -> Any:
        code = run([*arguments, "--json"])
        said = capsys.readouterr()
        return json.loads(said.out) if code == 0 else code

    return ran


def eventually(look: Callable[[], Any]) -> Any:
    end = time.monotonic() + SECONDS_MAX
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.05)
    assert found
    return found


def test_a_paused_link_keeps_messages_until_it_is_resumed_and_the_timeline_tells_all(
    shared: System, verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    [link] = verb("link", "list")["items"]
    assert (link["state"], link["paused_since"]) == ("bound", None)
    assert verb("link", "pause", link["name"])["holds_in"] == "every process"
    assert f"link {link['name']} is paused" in shared.ok("GET", "/status")["alarms"]
    shared.member(A)
    [one] = verb("outbox", "list", "--msisdn", A, "--state", "queued")["items"]
    assert (one["kind"], one["attempts"]) == ("registered", [])
    verb("link", "resume", link["name"])
    eventually(lambda: verb("outbox", "list", "--msisdn", A, "--state", "delivered")["items"])
    shown = verb("message", "show", one["message_id"])
    assert [moment["what"] for moment in shown["timeline"]] == [
        *("queued", "claimed", "attempt", "answer", "receipt", "delivered")
    ]
    assert run(["outbox", "show", one["message_id"], "--url", f"http://127.0.0.1:{shared.http_port}"]) == 0
    assert "is on the phone" in capsys.readouterr().out


def test_what_is_not_there_or_not_dead_is_refused_with_what_to_do(shared: System, verb: Verb) -> None:
    shared.member("79162000002")
    [one] = verb("outbox", "list", "--msisdn", "79162000002")["items"]
    assert verb("outbox", "retry", one["message_id"]) == 1
    assert verb("outbox", "retry", "none") == 1
    assert verb("link", "pause", "none") == 1
    assert verb("outbox", "retry") == 2
    assert verb("outbox", "retry", "--dead", "--kind", "registered") == {"retried": 0}
    assert verb("outbox", "dead") == {"items": []}


def test_links_of_the_file_come_and_go_without_a_restart_and_a_wrong_file_changes_nothing(
    shared: System, verb: Verb
) -> None:
    file = shared.folder / "firstcharge.toml"
    before = file.read_text(encoding="utf-8")
    more = (
        f'\n[[links]]\nname = "second"\nhost = "127.0.0.1"\nport = {shared.smpp_port}\nroles = ["sms"]\n'
        'system_id = "gateway"\npassword = "secret1"\nbind = "transmitter"\n'
    )
    file.write_text(before + more, encoding="utf-8")
    assert verb("link", "reload") == {"added": ["second"], "removed": [], "changed": [], "untouched": ["simulator"]}
    eventually(lambda: [one["state"] for one in verb("link", "list")["items"]] == ["bound", "bound"])
    file.write_text(before + more.replace("transmitter", "everything"), encoding="utf-8")
    assert verb("link", "reload") == 1
    refused = shared.api("POST", "/v1/links/reload")
    assert (refused.status, len(refused.body["findings"])) == (422, 1)
    assert len(verb("link", "list")["items"]) == 2
    file.write_text(before, encoding="utf-8")
    assert verb("link", "reload")["removed"] == ["second"]
    shared.member("79162000003")
    assert len(shared.inbox("79162000003")) == 1
