"""What the simulator lets itself be told, and how it refuses the rest."""

from pathlib import Path

import pytest

from simulator.errors import ConfigurationInvalid
from simulator.settings import load_settings


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "firstcharge.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_published_accounts_and_ports_stand() -> None:
    settings = load_settings(path=None, environment={})
    assert [(one.system_id, one.password) for one in settings.accounts] == [("gateway", "secret1"), ("demo", "demo")]
    assert (settings.simulator.host, settings.simulator.sim_port, settings.simulator.smpp_port) == (
        "127.0.0.1",
        8081,
        2775,
    )
    assert settings.simulator.bind_errors == "specific"


def test_file_then_environment_then_command_line(tmp_path: Path) -> None:
    path = written(tmp_path, "[simulator]\nsim_port = 1\nsmpp_port = 2\nbind_deadline_s = 3\n")
    settings = load_settings(
        path=path,
        environment={"FIRSTCHARGE__SIMULATOR__SMPP_PORT": "20", "FIRSTCHARGE__SIMULATOR__BIND_DEADLINE_S": "30"},
        overrides={"bind_deadline_s": 300.0},
    )
    assert (settings.simulator.sim_port, settings.simulator.smpp_port, settings.simulator.bind_deadline_s) == (
        1,
        20,
        300.0,
    )


def test_sections_of_the_gateway_in_the_same_file_are_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path, '[clock]\nkind = "manual"\n[[accounts]]\nsystem_id = "x"\npassword = "y"\nwindow = 7\n')
    assert [(one.system_id, one.window) for one in load_settings(path=path, environment={}).accounts] == [("x", 7)]


def test_an_unknown_key_is_refused_with_the_nearest_right_one_named(tmp_path: Path) -> None:
    path = written(tmp_path, "[simulator]\nsmp_port = 2775\n")
    with pytest.raises(ConfigurationInvalid, match=r"simulator\.smp_port: unknown key; did you mean smpp_port\?"):
        load_settings(path=path, environment={})


def test_an_unknown_key_of_an_account_names_an_account_key(tmp_path: Path) -> None:
    path = written(tmp_path, '[[accounts]]\nsystem_id = "x"\npassword = "y"\nwindows = 5\n')
    with pytest.raises(ConfigurationInvalid, match=r"accounts\.0\.windows: unknown key; did you mean window\?"):
        load_settings(path=path, environment={})


def test_every_wrong_value_has_its_own_line(tmp_path: Path) -> None:
    path = written(tmp_path, '[simulator]\nsim_port = 70000\nbind_errors = "loud"\n')
    with pytest.raises(ConfigurationInvalid) as refused:
        load_settings(path=path, environment={})
    assert [line.split(": ")[1] for line in str(refused.value).splitlines()] == [
        "simulator.sim_port",
        "simulator.bind_errors",
    ]


def test_the_same_system_id_twice_is_refused(tmp_path: Path) -> None:
    account = '[[accounts]]\nsystem_id = "x"\npassword = "y"\n'
    with pytest.raises(ConfigurationInvalid, match="system_id x stands twice"):
        load_settings(path=written(tmp_path, account * 2), environment={})


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("k-1\n", encoding="utf-8")
    settings = load_settings(
        path=None, environment={"FIRSTCHARGE__SIMULATOR__GATEWAY_KEY_FILE": str(secret), "HOME": "/"}
    )
    assert settings.simulator.gateway_key == "k-1"
    assert "k-1" not in repr(settings)


def test_a_number_in_the_environment_stays_text_where_text_is_meant() -> None:
    settings = load_settings(path=None, environment={"FIRSTCHARGE__SIMULATOR__SERVICE_NUMBER": "0611"})
    assert settings.simulator.service_number == "0611"


def test_a_file_that_is_not_toml_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"firstcharge\.toml"):
        load_settings(path=written(tmp_path, "[simulator"), environment={})
