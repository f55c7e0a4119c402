"""`firstcharge smpp ping`, `bench` and `decode` against a simulator that runs: what they tell, and how they end."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sim_process import SimProcess
from system import free_ports


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimProcess]:
    process = SimProcess(tmp_path_factory.mktemp("sim"), "")
    yield process
    process.stop()


def smpp(*arguments: str) -> tuple[int, Any, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "gateway", "smpp", *arguments, "--json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    return ran.returncode, lines[0] if len(lines) == 1 else lines, ran.stderr


def test_ping_tells_who_answered_and_how_long_each_step_took(sim: SimProcess) -> None:
    code, seen, _ = smpp("ping", f"127.0.0.1:{sim.smpp_port}", "--count", "2", "--interval", "0")
    assert (code, seen["smsc"], seen["interface_version"]) == (0, "FIRSTCHARGE-SIM", "0x50")
    assert len(seen["enquire_link_ms"]) == 2
    assert seen["unbind_answered"] is True
    assert smpp("ping", f"127.0.0.1:{sim.smpp_port}", "--interface-version", "3.3", "--bind", "receiver")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [(("--password", "wrong"), 1, "ESME_RINVPASWD"), (("--system-id", "nobody"), 1, "ESME_RINVSYSID"),
     (("--system-id", "x" * 16), 2, "at most 15"), (("--password", "x" * 9), 2, "at most 8")],
)  # fmt: skip
def test_a_refused_bind_is_named(sim: SimProcess, arguments: tuple[str, ...], code: int, why: str) -> None:
    ended, _, error = smpp("ping", f"127.0.0.1:{sim.smpp_port}", *arguments)
    assert (ended, why in error) == (code, True)


def test_nobody_there_is_3_and_a_port_of_another_protocol_is_1(sim: SimProcess) -> None:
    [port] = free_ports(1)
    assert smpp("ping", f"127.0.0.1:{port}")[0] == 3
    code, _, error = smpp("ping", f"127.0.0.1:{sim.sim_port}", "--timeout", "1")
    assert (code, "speak SMPP" in error) == (1, True)


def test_bench_counts_every_answer_and_every_receipt(sim: SimProcess) -> None:
    where = f"127.0.0.1:{sim.smpp_port}"
    code, seen, _ = smpp("bench", where, "--count", "500", "--sessions", "2", "--receipts", "10", "--spread", "50")
    assert (code, seen["sent"], seen["accepted"], seen["unknown"]) == (0, 500, 500, 0)
    assert {name: seen["receipts"][name] for name in ("come", "missing", "double")} == {
        "come": 500, "missing": 0, "double": 0,
    }  # fmt: skip
    assert seen["answer_ms"]["p50"] <= seen["answer_ms"]["p99"] <= seen["answer_ms"]["max"]


def test_bench_keeps_a_rate(sim: SimProcess) -> None:
    code, seen, _ = smpp("bench", f"127.0.0.1:{sim.smpp_port}", "--count", "100", "--rate", "200")
    assert code == 0
    assert seen["seconds"] >= 0.49


def test_bench_tells_refusals_losses_and_doubles_apart(sim: SimProcess) -> None:
    sim.faults(
        seed=1, response={"drop": 0.02, "status": {"ESME_RTHROTTLED": 0.2}},
        receipt={"duplicate": 0.3, "before_response": 0.3, "drop": 0.1},
    )  # fmt: skip
    try:
        code, seen, error = smpp(
            "bench", f"127.0.0.1:{sim.smpp_port}", "--count", "300", "--timeout", "1", "--receipts", "1"
        )
    finally:
        sim.ok("DELETE", "/sim/faults")
    assert code == 1
    assert "answers never came" in error
    assert seen["unknown"] > 0
    assert seen["refused"]["ESME_RTHROTTLED"] > 0
    assert seen["accepted"] + seen["unknown"] + seen["refused"]["ESME_RTHROTTLED"] == seen["sent"] == 300
    receipts = seen["receipts"]
    assert min(receipts["missing"], receipts["double"], receipts["before_answer"]) > 0


def test_bench_against_an_smsc_that_goes_away_ends_and_says_so(sim: SimProcess) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "smpp", "bench", f"127.0.0.1:{sim.smpp_port}", "--rate", "100",
         "--count", "100000", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        while not [one for one in sim.ok("GET", "/sim/smsc/links")["links"] if one["system_id"] == "demo"]:
            pass
        sim.faults(link="down")
        out, error = running.communicate(timeout=20)
    sim.ok("DELETE", "/sim/faults")
    assert running.returncode == 1
    assert "could not be sent" in error
    assert json.loads(out)["never_written"] > 0


def test_the_simulators_own_capture_is_read(sim: SimProcess, tmp_path: Path) -> None:
    smpp("ping", f"127.0.0.1:{sim.smpp_port}", "--count", "1")
    path = tmp_path / "sim.pcap"
    with urllib.request.urlopen(f"http://127.0.0.1:{sim.sim_port}/sim/capture.pcap") as answer:
        path.write_bytes(answer.read())
    code, pdus, _ = smpp("decode", str(path))
    assert code == 0
    assert {"bind_transceiver", "bind_transceiver_resp", "enquire_link", "unbind_resp"} <= {
        one["command"] for one in pdus
    }


def test_misbehave_says_how_the_smsc_took_it(sim: SimProcess) -> None:
    """Reliability test 7: the bad clients as a tool for anyone's SMSC."""
    where = f"127.0.0.1:{sim.smpp_port}"
    code, seen, _ = smpp("misbehave", where, "giant_length")
    assert (code, seen["verdict"], seen["complaint"]) == (0, "sound", None)
    assert seen["answered"] == {"bind_transceiver_resp ESME_ROK": 1, "generic_nack ESME_RINVCMDLEN": 1}
    assert seen["closed_after_s"] < seen["seconds"] < 5
    assert seen["alive_ms"] > 0
    code, listed, _ = smpp("misbehave", "--list")
    assert code == 0
    assert {"slow_loris", "mutants", "reconnect_storm"} <= {one["persona"] for one in listed}


def test_misbehave_finds_an_smsc_unsound_that_takes_what_it_must_not(sim: SimProcess) -> None:
    """An SMSC that loses answers does not answer each submission."""
    sim.faults(seed=1, response={"drop": 1})
    try:
        code, seen, error = smpp(
            "misbehave", f"127.0.0.1:{sim.smpp_port}", "same_number_twice", "--to", "79160000001"
        )
    finally:
        sim.ok("DELETE", "/sim/faults")
    assert (code, seen["verdict"], seen["complaint"]) == (1, "unsound", "2 of 2 requests were not answered")
    assert "unsound to same_number_twice" in error


@pytest.mark.parametrize(
    ("arguments", "why"),
    [((), "which PERSONA?"), (("nobody",), "no persona is called nobody"), (("window_overrun",), "sends messages"),
     (("window_overrun", "--to", "+7"), "digits alone")],
)  # fmt: skip
def test_misbehave_does_nothing_it_was_not_told_exactly(arguments: tuple[str, ...], why: str) -> None:
    code, _, error = smpp("misbehave", "127.0.0.1:1", *arguments)
    assert (code, why in error) == (2, True)
