"""What a demo will run: options over environment over file over the demo's own; its files; its TOML."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo import folder as demo_folder
from gateway.demo import toml
from gateway.demo.errors import DemoFailed, FolderInUse
from gateway.demo.plan import DemoOptions, Plan, plan_of


def given_plan(
    tmp_path: Path, *, file: str | None = None, environ: dict[str, str] | None = None, **options: Any
) -> Plan:
    config = None
    if file is not None:
        config = tmp_path / "user.toml"
        config.write_text(file, encoding="utf-8")
    return plan_of(DemoOptions(folder=tmp_path / "d", **options), config=config, environ=environ or {})


def test_a_demo_of_its_own_has_a_manual_clock_a_file_and_every_scope(tmp_path: Path) -> None:
    plan = given_plan(tmp_path)
    assert plan.port_options() == {"--http-port": 8080, "--sim-port": 8081, "--smpp-port": 2775}
    assert plan.document["clock"] == {"kind": "manual", "start": "2025-03-03T12:00:00+03:00"}
    assert plan.document["database"]["url"] == f"sqlite:///{(tmp_path / 'd').resolve()}/firstcharge.sqlite3"
    [link] = plan.document["links"]
    assert (link["port"], link["system_id"], link["roles"]) == (2775, "gateway", ["sms", "ussd"])
    [key] = plan.document["keys"]
    assert key["scopes"] == ["provisioning", "partner", "billing", "care", "ops"]


def test_an_option_stands_over_the_environment_over_the_file(tmp_path: Path) -> None:
    file, environ = "[http]\nport = 1001\n", {"FIRSTCHARGE__HTTP__PORT": "1002", "PATH": "/bin"}
    assert given_plan(tmp_path, file=file).http_port == 1001
    assert given_plan(tmp_path, file=file, environ=environ).http_port == 1002
    plan = given_plan(tmp_path, file=file, environ=environ, http_port=1003)
    assert (plan.http_port, plan.document["http"]["port"]) == (1003, 1003)
    assert "FIRSTCHARGE__HTTP__PORT" not in plan.environ, "a child must not read the value that the option replaced"


def test_the_environment_reaches_the_children(tmp_path: Path) -> None:
    environ = {"FIRSTCHARGE__PROGRAMME__MONTHLY_SPEND_CAP": "1500.00"}
    assert given_plan(tmp_path, environ=environ).environ.items() >= environ.items()


def test_the_users_file_is_laid_over_the_demos_values(tmp_path: Path) -> None:
    plan = given_plan(
        tmp_path,
        file="""
            [programme]
            zone = "Asia/Vladivostok"
            [clock]
            start = 2025-05-01T00:00:00+03:00
            [[links]]
            window = 3
            [[links]]
            name = "second"
            roles = ["sms"]
            [[keys]]
            name = "shop"
            hash = "sha256:00"
            scopes = ["partner"]
            [simulator]
            smpp_port = 1004
            [[accounts]]
            system_id = "mine"
            password = "mine"
        """,
    )
    assert plan.zone == "Asia/Vladivostok"
    assert plan.document["clock"] == {"kind": "manual", "start": "2025-05-01T00:00:00+03:00"}
    first, second = plan.document["links"]
    assert (first["name"], first["window"], first["port"]) == ("simulator", 3, 1004)
    assert (second["name"], second["roles"], second["port"]) == ("second", ["sms"], 1004)
    assert [key["name"] for key in plan.document["keys"]] == ["demo", "shop"]
    assert "accounts" not in plan.document
    assert plan.user_config == (tmp_path / "user.toml").resolve()


def test_another_database_may_be_named(tmp_path: Path) -> None:
    url = "sqlite:////elsewhere/x.sqlite3"
    assert given_plan(tmp_path, database=url).document["database"]["url"] == url
    assert given_plan(tmp_path, environ={"FIRSTCHARGE__DATABASE__URL": url}).document["database"]["url"] == url


def test_secret_files_are_found_from_the_folder_of_the_users_file(tmp_path: Path) -> None:
    plan = given_plan(tmp_path, file='[[links]]\npassword_file = "secrets/smsc"\n')
    [link] = plan.document["links"]
    assert link["password_file"] == str(tmp_path.resolve() / "secrets" / "smsc")


def test_keys_of_the_environment_stand_beside_the_demos(tmp_path: Path) -> None:
    keys = '[{"name": "shop", "hash": "sha256:00", "scopes": ["partner"]}]'
    plan = given_plan(tmp_path, environ={"FIRSTCHARGE__KEYS": keys})
    assert [key["name"] for key in plan.document["keys"]] == ["demo", "shop"]
    assert "FIRSTCHARGE__KEYS" not in plan.environ
    broken = {"FIRSTCHARGE__KEYS": "not JSON"}
    assert given_plan(tmp_path, environ=broken).environ["FIRSTCHARGE__KEYS"] == "not JSON"


def test_the_simulated_network_is_of_the_programmes_zone_and_number(tmp_path: Path) -> None:
    plan = given_plan(tmp_path, file='[programme]\nzone = "Asia/Omsk"\n[sms]\nservice_number = "5500"\n')
    assert plan.environ["FIRSTCHARGE__SIMULATOR__ZONE"] == "Asia/Omsk"
    assert plan.environ["FIRSTCHARGE__SIMULATOR__SERVICE_NUMBER"] == "5500"


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "²"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    with pytest.raises(DemoFailed, match=r"http\.port"):
        given_plan(tmp_path, environ={"FIRSTCHARGE__HTTP__PORT": port})


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=12), lambda below: st.lists(below, max_size=3)
)
TABLES = st.recursive(
    st.dictionaries(st.text(max_size=6), VALUES, max_size=3),
    lambda below: st.dictionaries(st.text(max_size=6), below | st.lists(below, min_size=1, max_size=2), max_size=3),
    max_leaves=8,
)


@given(document=TABLES)
def test_what_is_written_as_toml_reads_back_the_same(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml.dumps(document)) == document


def test_emptying_removes_the_demos_own_files_and_nothing_else(tmp_path: Path) -> None:
    own = ["firstcharge.sqlite3", "firstcharge.sqlite3-wal", "firstcharge.toml", "gateway.log", "simulator.log"]
    others = ["notes.txt", "other.log", "my.sqlite3"]
    for name in own + others:
        (tmp_path / name).touch()
    demo_folder.empty(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_two_demos_do_not_share_a_directory(tmp_path: Path) -> None:
    first = demo_folder.held(tmp_path / "d")
    second = demo_folder.held(tmp_path / "d")
    with first, pytest.raises(FolderInUse, match=r"another demo \(process \d+\)"), second:
        pass
    with demo_folder.held(tmp_path / "d"):
        pass


def test_a_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DemoFailed, match="file"), demo_folder.held(tmp_path / "file"):
        pass
