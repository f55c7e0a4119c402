"""Configuration and schema from the shell: what is wrong is said with the place and the fix."""

import json
from pathlib import Path

import pytest

from gateway.cli.root import run
from gateway.database import lock_sqlite_file


@pytest.fixture
def file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A demo's configuration with its database in the test's folder."""
    path = tmp_path / "firstcharge.toml"
    assert run(["config", "init", str(path)]) == 0
    capsys.readouterr()
    text = path.read_text(encoding="utf-8").replace("demo = false", "demo = true")
    lines = [
        f'url = "sqlite:///{tmp_path}/x.sqlite3"' if line.startswith("url = ") else line for line in text.split("\n")
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_file_that_init_writes_is_good_in_a_demo(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "check", "--config", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: ok; links smsc-1; keys billing\n"


def test_init_never_writes_over_a_file_unless_forced(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = file.read_text(encoding="utf-8")
    assert run(["config", "init", str(file)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == before
    assert run(["config", "init", str(file), "--force"]) == 0
    assert file.read_text(encoding="utf-8") != before


def test_sample_secrets_are_refused_outside_a_demo_with_their_line(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace("demo = true", "demo = false"), encoding="utf-8")
    assert run(["config", "check", "--config", str(file)]) == 1
    told = capsys.readouterr().err
    assert f"{file}:" in told
    assert "links.smsc-1.password = ********  must be a secret of your own" in told


def test_without_a_file_it_is_said_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "check"]) == 1
    told = capsys.readouterr().err
    assert all(f"{section}  is missing" in told for section in ("database", "links", "keys"))
    assert "fix: name the file with --config" in told


def test_a_key_is_explained_and_an_unknown_one_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "explain", "links.window"]) == 0
    assert capsys.readouterr().out.splitlines()[1:3] == ["Default: 10", "Must be: 1..255"]
    assert run(["config", "explain", "links.windou"]) == 2
    assert "did you mean links.window?" in capsys.readouterr().err


def test_a_database_is_made_checked_and_left_alone_the_second_time(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--config", str(file), "--json"]
    assert run(["db", "check", *options]) == 1
    assert "there is no database yet" in json.loads(capsys.readouterr().err)["error"]
    assert run(["db", "upgrade", *options]) == 0
    version = json.loads(capsys.readouterr().out)["version"]
    assert run(["db", "check", *options]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "version": version}
    assert run(["db", "upgrade", *options]) == 0
    assert json.loads(capsys.readouterr().out) == {"before": version, "version": version}


def test_a_database_that_a_gateway_serves_is_not_upgraded(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = lock_sqlite_file(f"sqlite:///{file.parent}/x.sqlite3")
    assert held is not None
    with held:
        assert run(["db", "upgrade", "--config", str(file)]) == 1
    assert "served by another gateway process" in capsys.readouterr().err


def test_a_database_in_no_folder_is_a_sentence(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTCHARGE__DATABASE__URL", "sqlite:////nonexistent/x.sqlite3")
    assert run(["db", "upgrade", "--config", str(file)]) == 1
    assert "database.url = sqlite:////nonexistent/x.sqlite3" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["serve"], ["db", "check"], ["db", "upgrade"]])
def test_what_is_no_database_is_a_sentence(
    file: Path, verb: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIRSTCHARGE__DATABASE__URL", "no database")
    assert run([*verb, "--config", str(file)]) == 1
    assert "database.url is no database URL\n  fix: write it like sqlite:///" in capsys.readouterr().err


def test_serving_is_refused_before_anything_starts_when_the_database_is_not_ready(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "--config", str(file)]) == 1
    assert "there is no database yet" in capsys.readouterr().err
    assert run(["db", "upgrade", "--config", str(file)]) == 0
    serving = lock_sqlite_file(f"sqlite:///{file.parent}/x.sqlite3")
    assert serving is not None
    with serving:
        assert run(["serve", "--config", str(file)]) == 1
    assert "is served by another gateway process; stop that one first" in capsys.readouterr().err
