"""Software nobody here wrote against the running demo: anyone's ESME as `demo`, Wireshark over the whole story."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from shutil import which

import pytest
from smpplib import consts, gsm
from smpplib.client import Client
from system import A, System

HERE = Path(__file__).parent
PEERS = Path(os.environ.get("FIRSTCHARGE_PEERS_DIR", HERE.parents[1] / ".peers"))
HAS_NODE_SMPP = which("node") is not None and (PEERS / "node_modules" / "smpp").is_dir()
TO = "79160000042"


def test_smpplib_binds_as_demo_sends_and_gets_its_receipt(system: System) -> None:
    ids: list[str] = []
    receipts: list[bytes] = []
    client = Client("127.0.0.1", system.smpp_port, timeout=5, allow_unknown_opt_params=True)
    client.set_message_sent_handler(lambda pdu: ids.append(pdu.message_id.decode()))
    client.set_message_received_handler(lambda pdu: receipts.append(pdu.short_message))
    client.connect()
    client.bind_transceiver(system_id="demo", password="demo")
    parts, coding, esm_class = gsm.make_parts("Hello from smpplib")
    for part in parts:
        client.send_message(
            source_addr_ton=consts.SMPP_TON_ALNUM,
            source_addr="PEER",
            dest_addr_ton=consts.SMPP_TON_INTL,
            dest_addr_npi=consts.SMPP_NPI_ISDN,
            destination_addr=TO,
            short_message=part,
            data_coding=coding,
            esm_class=esm_class,
            registered_delivery=True,
        )
    while not receipts:
        client.read_once()
    client.unbind()
    client.disconnect()
    assert receipts[0].startswith(b"id:" + ids[0].encode())
    assert b"stat:DELIVRD" in receipts[0]
    [seen] = system.sim("GET", f"/sim/handsets/{TO}/inbox").body["messages"]
    assert (seen["text"], seen["from"], seen["coding"]) == ("Hello from smpplib", "PEER", "gsm7")


@pytest.mark.skipif(not HAS_NODE_SMPP, reason="node's smpp, a peer, is not installed: make peers")
def test_nodes_smpp_binds_as_demo_sends_and_gets_its_receipt(system: System) -> None:
    ran = subprocess.run(
        ["node", str(HERE / "node_esme.js"), str(system.smpp_port), "demo", "demo"],
        env={**os.environ, "NODE_PATH": str(PEERS / "node_modules")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 0, (ran.stdout, ran.stderr)
    seen = json.loads(ran.stdout)
    assert seen["bind"] == 0
    assert seen["receipt"].startswith(f"id:{seen['messageId']}")
    [arrived] = system.sim("GET", f"/sim/handsets/{TO}/inbox").body["messages"]
    assert (arrived["text"], arrived["coding"]) == ("Привет из node", "ucs2")


@pytest.mark.skipif(which("tshark") is None, reason="tshark, a peer, is not installed")
def test_wireshark_finds_nothing_malformed_in_a_whole_story(system: System, tmp_path: Path) -> None:
    system.member(A, tariff="smart", main="800.00")
    system.accrue(A, "100.00", "o-1")
    for code in ("*100#", "#100*1#", "*100*3#", "*100*2#", "*100*77#"):
        system.dial(A, code)
    system.clock_to("2025-04-01T09:00:00+03:00")
    assert len(system.inbox(A)) == 4
    capture = tmp_path / "demo.pcap"
    url = f"http://127.0.0.1:{system.sim_port}/sim/capture.pcap"
    capture.write_bytes(urllib.request.urlopen(url).read())

    def tshark(*options: str) -> list[str]:
        command = ["tshark", "-r", str(capture), "-d", f"tcp.port=={system.smpp_port},smpp", *options]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()

    assert tshark("-Y", "_ws.malformed || tcp.analysis.flags") == []
    commands = ",".join(tshark("-Y", "smpp", "-T", "fields", "-e", "smpp.command_id", "-E", "separator=,")).split(",")
    counted = {name: sum(int(one, 16) == number for one in commands) for name, number in COMMANDS.items()}
    assert counted["bind_transceiver"] == counted["bind_transceiver_resp"] == 1
    assert counted["submit_sm"] == counted["submit_sm_resp"] == 4 + 5
    assert counted["deliver_sm"] == counted["deliver_sm_resp"] >= 4 + 5


COMMANDS = {
    "bind_transceiver": 0x00000009,
    "bind_transceiver_resp": 0x80000009,
    "submit_sm": 0x00000004,
    "submit_sm_resp": 0x80000004,
    "deliver_sm": 0x00000005,
    "deliver_sm_resp": 0x80000005,
}
