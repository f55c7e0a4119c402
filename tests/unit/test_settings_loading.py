"""The configuration: file, environment over it, secrets in files, and findings that say what to mend."""

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing.programme import Programme
from billing.words import ChargeType
from gateway.settings import Settings, to_policy, to_programme, to_quiet_hours
from gateway.settings_docs import UnknownKey, explain, keys, render_defaults
from gateway.settings_file import ConfigurationError, load
from gateway.settings_network import DEFAULT_ACCOUNTS, Account, SimulatorSection
from simulator import settings as simulator_settings
from sms.outbox.quiet import QuietHours
from sms.outbox.retry import ADVERT_POLICY, SERVICE_POLICY

GOOD = """\
[database]
url = "sqlite:///x.sqlite3"

[[links]]
name = "smsc-1"
host = "10.0.0.1"
system_id = "gw"
password = "s3cr3tpw"

[[keys]]
name = "billing"
hash = "sha256:0000000000000000000000000000000000000000000000000000000000000001"
scopes = ["billing"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "firstcharge.toml"


def given(file: Path, text: str = GOOD, environ: dict[str, str] | None = None, **how: Any) -> Settings:
    file.write_text(text)
    return load(file, environ or {}, **how)


def findings(file: Path, text: str, environ: dict[str, str] | None = None, **how: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        given(file, text, environ, **how)
    return [finding.replace(f"{file}", "f.toml") for finding in refused.value.findings]


def test_what_is_left_out_has_the_contracts_default(file: Path) -> None:
    settings = given(file)
    assert to_programme(settings) == Programme()
    assert to_quiet_hours(settings) == QuietHours()
    assert to_policy(settings, settings.sms.policies.service) == SERVICE_POLICY
    assert to_policy(settings, settings.sms.policies.advert) == ADVERT_POLICY
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)
    assert (settings.sms.sender, settings.sms.service_number) == ("CASHBACK", "4400")
    assert (settings.ussd.soft_deadline_ms, settings.ussd.hard_deadline_ms) == (800, 1900)
    assert (settings.links[0].window, settings.links[0].interface_version) == (10, 0x34)
    assert settings.clock.kind == "system"


def test_the_environment_goes_over_the_file(file: Path) -> None:
    environ = {
        "FIRSTCHARGE__PROGRAMME__WELCOME_BONUS": "0.00",
        "FIRSTCHARGE__PROGRAMME__ZONE": "Asia/Vladivostok",
        "FIRSTCHARGE__PROGRAMME__SPEND_TYPES": "usage,service",
        "FIRSTCHARGE__PROGRAMME__MONTHLY_SPEND_CAP": "1500.00",
        "FIRSTCHARGE__PROGRAMME__PART_PAYMENT": "false",
        "FIRSTCHARGE__HTTP__PORT": "9000",
        "FIRSTCHARGE__CLOCK__START": "2025-03-03T12:00:00+03:00",
        "FIRSTCHARGE__SMS__QUIET_FROM": "22:30",
        "FIRSTCHARGE__SMS__SERVICE_NUMBER": "4401",
        "FIRSTCHARGE__LINKS__0__WINDOW": "20",
        "FIRSTCHARGE__LINKS__0__INTERFACE_VERSION": "0x50",
        "FIRSTCHARGE_FAULT": "not ours",
        "PATH": "/bin",
    }
    settings = given(file, environ=environ)
    programme = to_programme(settings)
    assert programme.welcome_bonus == 0
    assert programme.zone == ZoneInfo("Asia/Vladivostok")
    assert programme.spend_types == {ChargeType.USAGE, ChargeType.SERVICE}
    assert programme.monthly_spend_cap == 150000
    assert programme.part_payment is False
    assert programme.click_valid == timedelta(days=1)
    assert settings.http.port == 9000
    assert settings.clock.start == datetime(2025, 3, 3, 9, tzinfo=UTC)
    assert settings.sms.quiet_from == time(22, 30)
    assert settings.sms.service_number == "4401"
    assert (settings.links[0].window, settings.links[0].interface_version) == (20, 0x50)
    assert settings.links[0].name == "smsc-1"


def test_lists_come_from_the_environment_as_json_or_by_number() -> None:
    link = {"name": "a", "host": "h", "system_id": "s", "password": "p"}
    key = {"name": "k", "hash": "sha256:" + "0" * 64, "scopes": ["ops"]}
    environ = {
        "FIRSTCHARGE__DATABASE__URL": "sqlite://",
        "FIRSTCHARGE__LINKS": json.dumps([link]),
        "FIRSTCHARGE__KEYS__0": json.dumps(key),
        "FIRSTCHARGE__LINKS__1__NAME": "b",
        "FIRSTCHARGE__LINKS__1__HOST": "h",
        "FIRSTCHARGE__LINKS__1__SYSTEM_ID": "s",
        "FIRSTCHARGE__LINKS__1__PASSWORD": "p",
    }
    settings = load(None, environ)
    assert [one.name for one in settings.links] == ["a", "b"]
    assert settings.keys[0].record().principal.scopes == {"ops"}


def test_secrets_come_from_files_of_their_own(file: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("fr0mfile\n")
    text = GOOD.replace('password = "s3cr3tpw"', 'password_file = "password"')
    assert given(file, text).links[0].config().password == "fr0mfile"
    environ = {"FIRSTCHARGE__LINKS__0__PASSWORD_FILE": str(tmp_path / "password")}
    assert given(file, environ=environ).links[0].config().password == "fr0mfile"
    (missing,) = findings(file, text, {"FIRSTCHARGE__DATABASE__URL_FILE": "/nowhere"})
    assert missing.startswith("FIRSTCHARGE__DATABASE__URL_FILE = /nowhere  must be a readable file")


def test_every_finding_comes_at_once_with_its_line_and_what_is_usual(file: Path) -> None:
    text = GOOD.replace('system_id = "gw"', 'system_id = "gw"\nwindow = 0') + '[http]\nport = 99999\nhots = "x"\n'
    assert findings(file, text) == [
        "f.toml:16  http.port = 99999  must be 1..65535; 8080 is usual",
        "f.toml:17  http.hots  is unknown; did you mean host?",
        "f.toml:8  links.smsc-1.window = 0  must be 1..255; 10 is usual",
    ]


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        (
            "programme",
            "zone",
            '"Mars"',
            "must be the name of a time zone, like Europe/Moscow; Europe/Moscow is usual",
        ),
        ("programme", "rounding", '"up"', "must be arithmetic_min1, half_down or floor; arithmetic_min1 is usual"),
        ("programme", "part_payment", '"maybe"', "must be true or false; True is usual"),
        ("programme", "currency", '"rubles"', "must look like ^[A-Z]{3}$; RUB is usual"),
        ("clock", "start", '"yesterday"', "must be an instant with offset, like 2025-03-03T12:00:00+03:00"),
        ("sms", "quiet_from", '"25:00"', 'must be a time of day like "21:00"; 21:00 is usual'),
        ("sms", "sender", '"MTS Cashback"', "must be at most 11 characters of the GSM alphabet"),
        ("sms", "sender", '"A B"', "must have no space unless sender_space = true"),
        ("sms", "sender", '"Кэшбэк"', "must be at most 11 characters of the GSM alphabet"),
        ("ussd", "hard_deadline_ms", "500", "must be above soft_deadline_ms"),
    ],
)
def test_a_wrong_value_says_what_it_must_be(file: Path, section: str, key: str, value: str, said: str) -> None:
    shown = value.strip('"')
    assert findings(file, f"{GOOD}[{section}]\n{key} = {value}\n") == [
        f"f.toml:15  {section}.{key} = {shown}  {said}".replace(" = 'A B'", " = A B")
    ]


def test_a_sender_name_with_a_space_is_taken_where_the_operator_says_so(file: Path) -> None:
    settings = given(file, f'{GOOD}[sms]\nsender = "MY CASHBACK"\nsender_space = true\n')
    assert settings.sms.sender == "MY CASHBACK"


def test_without_a_file_it_says_what_is_missing() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(None, {})
    assert refused.value.findings == (
        "configuration  database  is missing; it needs url",
        "configuration  links  is missing; it needs name, host, system_id, password",
        "configuration  keys  is missing; it needs name, hash, scopes",
    )


def test_a_file_that_is_not_there_or_not_toml_is_one_finding(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="firstcharge config init"):
        load(file, {})
    (finding,) = findings(file, "[database\n")
    assert "not TOML" in finding


def test_variables_are_named_where_they_are_wrong(file: Path) -> None:
    found = findings(
        file,
        GOOD,
        {
            "FIRSTCHARGE__HTTP__PORT": "x",
            "FIRSTCHARGE__LINKS__7__PORT": "1",
            "FIRSTCHARGE__USSD__CODES": "{",
            "FIRSTCHARGE__HTTP__PORT__X": "1",
            "FIRSTCHARGE__HTPT__PORT": "1",
        },
    )
    assert any(one.startswith("FIRSTCHARGE__HTTP__PORT  http.port = x  must be 1..65535") for one in found)
    assert any(one.startswith("FIRSTCHARGE__LINKS__7__PORT  must name one of the 1 entries") for one in found)
    assert any(one.startswith("FIRSTCHARGE__USSD__CODES  = {  must be JSON") for one in found)
    assert any(one.startswith("FIRSTCHARGE__HTPT__PORT  htpt  is unknown; did you mean http?") for one in found)


def test_contradictions_are_found(file: Path) -> None:
    text = GOOD + GOOD[GOOD.index("[[links]]") :] + '[programme]\nmain_balance = "external"\n'
    found = findings(file, text.replace('scopes = ["billing"]', 'scopes = ["billing"]\npartner = "ozon"'))
    said = "\n".join(found)
    assert "programme.main_balance_url" in said
    assert "links.smsc-1.name = smsc-1  must be different from the others" in said
    assert "keys.billing.name = billing  must be different from the others" in said
    assert "keys.billing.partner = ozon  must go with the scope partner" in said
    (codes,) = findings(file, f'{GOOD}[ussd.codes]\n"100" = "balance"\n')
    assert codes.startswith("f.toml:14  ussd.codes = …  must be codes that can be dialled")
    (roles,) = findings(file, GOOD.replace('name = "smsc-1"', 'name = "smsc-1"\nroles = ["ussd"]'))
    assert "must have one with the role sms" in roles


def test_sample_secrets_are_refused_outside_the_demo(file: Path) -> None:
    text = GOOD.replace("s3cr3tpw", "secret1")
    (finding,) = findings(file, text)
    assert finding == (
        "f.toml:8  links.smsc-1.password = ********  must be a secret of your own: this one is a published sample"
    )
    assert given(file, text, demo=True).demo
    assert given(file, "demo = true\n" + text).demo


def test_secrets_are_never_shown(file: Path) -> None:
    (finding,) = findings(file, GOOD.replace("s3cr3tpw", "much-too-long"))
    assert "much-too-long" not in finding
    assert "s3cr3tpw" not in repr(given(file))


def test_the_file_of_all_defaults_loads_and_holds_every_key(file: Path) -> None:
    text = render_defaults()
    settings = given(file, text, demo=True)
    written = given(file, GOOD)
    for name in Settings.model_fields:
        if name not in {"demo", "database", "links", "keys"}:
            assert getattr(settings, name) == getattr(written, name), name
    for key in keys():
        name = key.rsplit(".", 1)[-1]
        assert f"\n{name} =" in text or f"\n# {name} =" in text, key
    samples = findings(file, text)
    assert len(samples) == 2
    assert all("published sample" in one for one in samples)


def test_a_key_is_explained_in_words() -> None:
    assert explain("links.window") == (
        "links.window: Unanswered requests at once.\nDefault: 10\nMust be: 1..255\n"
        "Variable: FIRSTCHARGE__LINKS__0__WINDOW"
    )
    assert "Keys: kind, start" in explain("clock")
    assert "none: it must be given" in explain("database.url")
    with pytest.raises(UnknownKey, match=r"did you mean links\.window"):
        explain("link.window")


def test_the_simulators_sections_are_the_ones_the_simulator_reads() -> None:
    def figures(model: Any) -> dict[str, Any]:
        return {name: (field.is_required(), str(field.metadata)) for name, field in model.model_fields.items()}

    assert figures(SimulatorSection) == figures(simulator_settings.Simulator)
    assert SimulatorSection().model_dump() == simulator_settings.Simulator().model_dump()
    assert figures(Account).keys() == figures(simulator_settings.Account).keys()
    ours = [one.model_dump() for one in DEFAULT_ACCOUNTS]
    assert ours == [one.model_dump() for one in simulator_settings.DEFAULT_ACCOUNTS]
