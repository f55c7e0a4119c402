"""The probe names what each persona of the simulator does its own way, all of them at once in one process."""

import random
import time
import tomllib
from typing import Any

import pytest
import pytest_twisted
from system import free_ports
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint

from gateway.settings import LinkSection
from simulator.app import SimulatedNetwork
from simulator.personas import PERSONAS
from simulator.settings import Settings, Simulator
from sms.smpp.config import LinkConfig, TlvPolicy
from sms.tools.habits import IdForm, Seen, Sent, findings, id_form, link_options, rate_of
from sms.tools.probe import AT_ONCE, MESSAGES_MAX, SECONDS_MAX, Addresses, Probe, ProbeReport

reactor: Any = _reactor

PLAIN = {
    "version": "0x50",
    "parameters": "taken",
    "senders": "as_given",
    "data_coding_0": "gsm7",
    "receipts": "come",
    "receipt_id": "as_sent",
    "receipt_parameters": "sent",
    "receipt_order": "in_order",
    "rate": "no_limit_met",
    "window": "no_limit_met",
}
PLANTED: dict[str, dict[str, str]] = {
    "modern": {},
    "hex_receipts": {"receipt_id": "hexadecimal_of_decimal"},
    "decimal_receipts": {"receipt_id": "decimal_of_hexadecimal"},
    "bare_ids": {"receipt_id": "without_leading_zeros"},
    "text_receipts": {"receipt_parameters": "absent"},
    "silent_version": {"version": "silent"},
    "no_parameters": {"version": "silent", "parameters": "refused", "receipt_parameters": "absent"},
    "latin1": {"data_coding_0": "latin1"},
    "ascii": {"data_coding_0": "ascii"},
    "slow_lane": {"rate": "10"},
    "vendor_throttle": {"rate": "10", "vendor_status": "0x400"},
    "narrow_window": {"window": "3", "receipt_order": "before_answer"},
    "receipts_first": {"receipt_order": "before_answer"},
    "shuffled_receipts": {"receipt_order": "any"},
    "number_senders": {"senders": "numbers_only"},
    "no_receipts": {"receipts": "none"},
}
CONFIGURED = {
    "silent_version": {"tlv": '"always"'},
    "no_parameters": {"tlv": '"never"'},
    "latin1": {"alphabet": '"latin1"'},
    "ascii": {"alphabet": '"ascii"'},
    "slow_lane": {"rate_per_s": "9"},
    "vendor_throttle": {"rate_per_s": "9", "status_classes": '{ "0x400" = "throttled" }'},
    "narrow_window": {"window": "3"},
}


async def probed(persona: str) -> ProbeReport:
    [away] = free_ports(1)
    network = SimulatedNetwork(
        Settings(
            simulator=Simulator(sim_port=0, smpp_port=0, gateway_url=f"http://127.0.0.1:{away}", persona=persona)
        ),
        reactor=reactor,
        wall=time.time,
        rng_for_seed=random.Random,
    )
    await network.start()
    try:
        config = LinkConfig(
            name="probe", host="127.0.0.1", port=network.smpp_port, system_id="demo", password="demo",
            window=AT_ONCE, tlv=TlvPolicy.ALWAYS, response_timeout_s=5,
        )  # fmt: skip
        probe = Probe(
            Addresses(sender="CASHBACK", sender_ton=5, sender_npi=0, to="79160000001"),
            reactor,
            receipts_wait_s=2.0,
            told=lambda _: None,
        )
        return await probe.run(config, TCP4ClientEndpoint(reactor, "127.0.0.1", network.smpp_port))
    finally:
        await network.stop()


@pytest_twisted.ensureDeferred
async def test_the_planted_habit_of_every_persona_is_named_within_the_limits() -> None:
    reports = await gatherResults([Deferred.fromCoroutine(probed(name)) for name in PERSONAS], consumeErrors=True)
    for name, report in zip(PERSONAS, reports, strict=True):
        found = {one.habit: one.value for one in findings(report.seen)}
        expected = PLAIN | PLANTED[name]
        if expected["receipts"] == "none":
            expected = {key: value for key, value in expected.items() if not key.startswith("receipt_")}
        assert found == expected, name
        assert report.messages <= MESSAGES_MAX, name
        assert report.seconds <= SECONDS_MAX, name
        options = link_options(report.seen)
        assert options == CONFIGURED.get(name, {}), name
        section = tomllib.loads("\n".join(f"{key} = {value}" for key, value in options.items()))
        assert LinkSection(name="smsc-1", host="h", system_id="s", password="p", **section)


@pytest.mark.parametrize(
    ("pairs", "form"),
    [
        ([("00AF", "00AF")], IdForm.SAME),
        ([("00AF", "00af")], IdForm.OTHER_CASE),
        ([("00AF", "af")], IdForm.NO_ZEROS),
        ([("00AF", "175")], IdForm.DECIMAL),
        ([("175", "af")], IdForm.HEXADECIMAL),
        ([("175", "AF"), ("176", "B0")], IdForm.HEXADECIMAL),
        ([("10", "16"), ("11", "17")], IdForm.DECIMAL),
        ([("abc-1", "abc-2")], IdForm.UNRELATED),
        ([], IdForm.UNRELATED),
    ],
)
def test_one_relation_holds_for_all_ids(pairs: list[tuple[str, str]], form: IdForm) -> None:
    assert id_form(pairs) is form


def test_what_was_never_answered_proves_nothing() -> None:
    seen = Seen(introductions=[Sent(number=1, with_parameters=True, at=0.0)])
    found = {one.habit: one.value for one in findings(seen)}
    assert (found["parameters"], found["data_coding_0"], found["receipts"]) == ("unknown", "unknown", "none")
    assert (link_options(seen), rate_of(seen)) == ({}, None)
