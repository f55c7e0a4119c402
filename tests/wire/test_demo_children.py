"""The demo's processes: watched, told of when they die, stopped in order, gone with their driver."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo import children as demo_children
from gateway.demo.children import Children, tail
from gateway.demo.driver import refuse_taken
from gateway.demo.errors import ChildDied, PortTaken

WAIT_SECONDS_MAX = 10.0


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder of modules that children may run."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "lasting.py").write_text("import time; print('up', flush=True); time.sleep(60)\n")
    (folder / "stubborn.py").write_text(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"
    )
    (folder / "orderly.py").write_text(
        "import os, signal, sys, time\n"
        "def stop(*_):\n"
        "    open('order', 'a').write(sys.argv[1] + '\\n'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop); print('up', flush=True); time.sleep(60)\n"
    )
    (folder / "dying.py").write_text("print('my last words'); raise SystemExit(3)\n")
    return folder


@pytest.fixture
def children(tmp_path: Path, modules: Path) -> Iterator[Children]:
    family = Children(tmp_path, {**os.environ, "PYTHONPATH": str(modules)})
    yield family
    family.stop()


def eventually(what: object, *, within: float = WAIT_SECONDS_MAX) -> None:
    assert callable(what)
    end = time.monotonic() + within
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_child_that_dies_is_told_of_with_its_last_words(children: Children) -> None:
    children.start("gateway", "dying", []).process.wait()
    with pytest.raises(ChildDied, match=r"(?s)the gateway ended by itself \(status 3\).*my last words"):
        children.check()


def test_a_child_that_is_killed_is_told_of_with_the_signal(children: Children) -> None:
    child = children.start("simulator", "lasting", [])
    child.process.send_signal(signal.SIGKILL)
    child.process.wait()
    with pytest.raises(ChildDied, match="signal SIGKILL"):
        children.check()


def test_children_stop_in_the_reverse_order_of_their_start(
    children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("first", "second"):
        child = children.start(name, "orderly", [name])
        eventually(lambda log=child.log: b"up" in log.read_bytes())
    assert children.stop() == []
    assert (tmp_path / "order").read_text().split() == ["second", "first"]


def test_a_child_that_ignores_sigterm_is_killed_and_named(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_children, "STOP_SECONDS_MAX", 0.2)
    child = children.start("gateway", "stubborn", [])
    eventually(lambda: b"up" in child.log.read_bytes())
    assert children.stop() == ["gateway"]
    assert child.process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_children_end_when_their_driver_is_killed(tmp_path: Path, modules: Path) -> None:
    program = (
        "import os, pathlib, sys, time; from gateway.demo.children import Children\n"
        f"child = Children(pathlib.Path({str(tmp_path)!r}), os.environ).start('gateway', 'lasting', [])\n"
        "print(child.process.pid, flush=True); time.sleep(60)\n"
    )
    environ = {**os.environ, "PYTHONPATH": f"{Path.cwd()}:{modules}"}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environ, text=True) as driver:
        assert driver.stdout is not None
        orphan = int(driver.stdout.readline())
        eventually(lambda: (tmp_path / "gateway.log").read_bytes() == b"up\n")
        driver.kill()
    eventually(lambda: not _lives(orphan))


def _lives(process: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


def test_the_tail_of_a_log_is_its_last_lines_whatever_octets_it_holds(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"".join(b"line %d \xff\n" % number for number in range(5_000)))
    lines = tail(log).splitlines()
    assert (len(lines), lines[-1]) == (20, "  line 4999 �")
    assert "no log" in tail(tmp_path / "missing.log")


def test_a_taken_port_is_refused_by_number_with_the_option_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is taken") as caught:
            refuse_taken(port, "--sim-port")
        assert "--sim-port" in str(caught.value.fix)
    refuse_taken(port, "--sim-port")
