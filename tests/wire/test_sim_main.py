"""`python -m simulator` as its user meets it: the ready line, refusals to start, and an orderly end."""

import subprocess
import sys
from pathlib import Path

import pytest
from sim_process import ROOT, A, SimProcess, bind_of

from sms.smpp import DeliverSm, SubmitSm, Unbind, UnbindResp


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simulator", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        check=False,
    )


def test_sigterm_unbinds_every_session_and_ends_with_0(tmp_path: Path) -> None:
    sim = SimProcess(tmp_path)
    peer = sim.raw()
    sim.process.terminate()
    got = peer.read()
    assert isinstance(got, Unbind)
    peer.send(UnbindResp(sequence_number=got.sequence_number))
    assert peer.is_closed()
    assert sim.stop() == (0, "")


def test_sigterm_does_not_wait_long_for_a_session_that_says_nothing(tmp_path: Path) -> None:
    sim = SimProcess(tmp_path)
    peer = sim.raw()
    assert peer.ask(SubmitSm(destination_addr=A, short_message=b"x", registered_delivery=1)).command_status == 0
    assert isinstance(peer.read(), DeliverSm)
    sim.process.terminate()
    sim.process.wait(8)
    assert sim.stop() == (0, "")
    peer.close()


@pytest.mark.parametrize("option", ["--sim-port", "--smpp-port"])
def test_a_taken_port_ends_with_1_and_is_named(tmp_path: Path, option: str) -> None:
    sim = SimProcess(tmp_path)
    taken = str(sim.sim_port if option == "--sim-port" else sim.smpp_port)
    free = "--smpp-port" if option == "--sim-port" else "--sim-port"
    ended = run(option, taken, free, "0")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert taken in ended.stderr
    assert "Traceback" not in ended.stderr
    sim.stop()


def test_an_unknown_key_ends_with_1_and_the_right_one_named(tmp_path: Path) -> None:
    config = tmp_path / "sim.toml"
    config.write_text("[simulator]\nbind_error = 'uniform'\n")
    ended = run("--config", str(config))
    assert ended.returncode == 1
    assert "did you mean bind_errors?" in ended.stderr


def test_a_wrong_environment_variable_ends_with_1() -> None:
    ended = run(FIRSTCHARGE__SIMULATOR__SIM_PORT="many")
    assert ended.returncode == 1
    assert "simulator.sim_port" in ended.stderr


def test_wrong_arguments_are_a_usage_error() -> None:
    assert run("--colour", "blue").returncode == 2


def test_uniform_bind_errors_do_not_tell_an_unknown_id_from_a_wrong_password(tmp_path: Path) -> None:
    sim = SimProcess(tmp_path, "[simulator]\nbind_errors = 'uniform'\n")
    for wrong in ({"system_id": "nobody"}, {"password": "wrong"}):
        peer = sim.raw(bound=False)
        assert peer.ask(bind_of(**wrong)).command_status == 0x0D
        peer.close()
    sim.stop()


def test_ids_without_leading_zeros_for_peers_that_lose_them(tmp_path: Path) -> None:
    sim = SimProcess(tmp_path, "[simulator]\nmessage_id_width = 0\n")
    peer = sim.raw()
    answer = peer.ask(SubmitSm(destination_addr=A, short_message=b"x"))
    assert not getattr(answer, "message_id", "0").startswith("0")
    peer.close()
    sim.stop()


@pytest.mark.parametrize("profile", ["tata", "sixdee", "mica", "php_smpp"])
def test_an_account_may_speak_another_ussd_dialect(tmp_path: Path, profile: str) -> None:
    account = f"[[accounts]]\nsystem_id = 'demo'\npassword = 'demo'\nprofile = '{profile}'\n"
    sim = SimProcess(tmp_path, f"[simulator]\nussd_answer_s = 0.3\n{account}")
    peer = sim.raw()
    sim.ok("POST", f"/sim/handsets/{A}/dial", {"code": "*100#"})
    begin = peer.read()
    assert isinstance(begin, DeliverSm)
    key = {"tata": 0x1383, "sixdee": 0x1383, "mica": 0x0204, "php_smpp": 0x1501}[profile]
    assert begin.tlv(key) is not None
    assert (begin.destination_addr == "*100#") is (profile == "tata")
    peer.close()
    sim.stop()
