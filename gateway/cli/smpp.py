"""Instruments for any SMSC: a PDU dissector, a bind check, a load generator, a probe and a bad client."""

import sys
from typing import Any

import click

from gateway.cli.errors import Failed
from gateway.cli.shell import Shell, verb
from gateway.cli.smpp_dissect import described, dissected, pdus_of
from gateway.cli.smpp_target import Target, smsc_verb

RATE_MAX = 1_000_000.0


@click.group()
def smpp() -> None:
    """SMPP at hand: read PDUs, check a bind, load, learn or trouble an SMSC. Works with anyone's."""


@smpp.command("decode")
@click.argument("source", metavar="HEX|FILE.pcap|-")
@verb
def decode(shell: Shell, source: str) -> None:
    """Show every field and optional parameter of PDUs in words.

    HEX may have spaces, colons and 0x; several PDUs may follow each other. FILE is a capture of tcpdump or Wireshark
    (libpcap). - reads either from standard input.
    """
    octets = sys.stdin.buffer.read() if source == "-" else None
    broken = 0
    for number, one in enumerate(pdus_of(source, octets), start=1):
        document = dissected(one)
        broken += "error" in document
        shell.show({"number": number, **document}, described(shell, number, document))
    if broken:
        raise Failed(f"{broken} PDU{'s break' if broken > 1 else ' breaks'} the protocol, as told above")


@smpp.command("ping")
@click.option(
    "--count", type=click.IntRange(1, 1_000_000), default=3, show_default=True, help="enquire_links to send."
)
@click.option(
    "--interval",
    type=click.FloatRange(0, 3_600),
    default=0.5,
    show_default=True,
    metavar="SECONDS",
    help="Between them.",
)
@smsc_verb
def ping(shell: Shell, target: Target, count: int, interval: float) -> None:
    """Bind, send enquire_links, unbind. Says what was seen and how long each took."""
    from sms.smpp.constants import Tag  # noqa: PLC0415 - Twisted is loaded by those who need it
    from sms.tools import ping as tool  # noqa: PLC0415 - as above

    def heard(number: int, ms: float) -> None:
        shell.say(f"enquire_link {number}: {ms:.2f} ms")

    report = target.ask(
        lambda reactor: tool.ping(
            target.config, target.endpoint(reactor), reactor, count=count, interval_s=interval, heard=heard
        )
    )
    version = report.bind_answer.tlv_int(Tag.SC_INTERFACE_VERSION)
    document = {
        "address": target.where,
        "smsc": report.bind_answer.system_id,
        "interface_version": None if version is None else f"0x{version:02x}",
        "connect_ms": _ms(report.connect_ms),
        "bind_ms": _ms(report.bind_ms),
        "enquire_link_ms": [_ms(one) for one in report.enquire_link_ms],
        "unbind_ms": _ms(report.unbind_ms),
        "unbind_answered": report.unbind_answered,
        "deliveries_left_waiting": report.deliveries,
    }
    shell.show(document)


@smpp.command("bench")
@click.option("--count", type=click.IntRange(1, 100_000_000), default=10_000, show_default=True, help="Messages.")
@click.option("--window", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Unanswered at once.")
@click.option("--sessions", type=click.IntRange(1, 100), default=1, show_default=True, help="Connections at once.")
@click.option("--rate", type=click.FloatRange(min=0.1, max=RATE_MAX), help="Messages a second [as fast as it goes].")
@click.option("--from", "sender", default="BENCH", show_default=True, help="The sender: a name or a number.")
@click.option("--to", default="79160000001", show_default=True, help="The first destination.")
@click.option("--spread", type=click.IntRange(1, 10_000_000), default=1, show_default=True, help="How many numbers.")
@click.option("--text", default="Firstcharge bench", show_default=True, help="One segment of text.")
@click.option(
    "--receipts", type=click.FloatRange(0, 86_400), default=0.0, metavar="SECONDS",
    help="Ask for receipts and wait so long for the last of them.",
)  # fmt: skip
@smsc_verb
def bench(shell: Shell, target: Target, **options: Any) -> None:
    """Send messages and tell rate, answers, times and receipts."""
    from gateway.cli.smpp_load import lines_of, load, report_of  # noqa: PLC0415 - Twisted is loaded by who needs it

    report = load(target, options)
    document = report_of(report)
    shell.show(document, lines_of(shell, document))
    if report.unknown or report.never_written or not report.accepted:
        raise Failed(
            f"{report.unknown} answers never came, {report.never_written} messages could not be sent,"
            f" {report.accepted} were accepted"
        )


@smpp.command("probe")
@click.option("--from", "sender", default="CASHBACK", show_default=True, help="The sender: a name or a number.")
@click.option("--to", required=True, help="A test phone of yours: it gets up to 50 messages.")
@click.option(
    "--wait", type=click.FloatRange(0, 30), default=5.0, show_default=True, metavar="SECONDS", help="For receipts."
)
@smsc_verb
def probe(shell: Shell, target: Target, **options: Any) -> None:
    """Learn an SMSC's habits and print the link's configuration.

    Sends at most 50 messages and takes at most a minute: how receipts write ids, optional parameters, what
    data_coding 0 means, rate, window, order.
    """
    from gateway.cli.smpp_probe import lines_of, probe_of, report_of  # noqa: PLC0415 - Twisted is loaded by who needs it

    document = report_of(target, probe_of(shell, target, options))
    shell.show(document, lines_of(shell, document))


@smpp.command("misbehave")
@smsc_verb
@click.argument("persona", metavar="[PERSONA|all]", required=False)
@click.option("--list", "only_list", is_flag=True, help="Say which personas there are, and do nothing.")
@click.option("--to", help="A test phone of yours, for personas that send messages.")
@click.option("--count", type=click.IntRange(1, 1_000), default=20, show_default=True, help="Most PDUs of a kind.")
@click.option(
    "--seconds", type=click.FloatRange(1, 600), default=45.0, show_default=True, help="The longest wait for anything."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the spoiled octets.")
def misbehave(shell: Shell, target: Target, persona: str | None, *, only_list: bool, **options: Any) -> None:
    """Be a bad client to an SMSC of yours, and say how it took it.

    One misdeed at a time, then a good client looks whether it is still served. Exit 1 when anything was unsound.
    """
    from gateway.cli import smpp_misbehave as tool  # noqa: PLC0415 - Twisted is loaded by those who need it

    if only_list:
        shell.show(tool.documents(), tool.listed(shell))
        return
    unsound = []

    def told(document: dict[str, Any]) -> None:
        shell.show(document, tool.lines_of(shell, document))
        if document["verdict"] == tool.UNSOUND:
            unsound.append(document["persona"])

    tool.do(target, tool.misdeeds_of(persona, options["to"]), options, told)
    if unsound:
        raise Failed(f"{target.where} was unsound to {', '.join(unsound)}")


def _ms(value: float) -> float:
    return int(value * 1_000) / 1_000
