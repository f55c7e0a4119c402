"""`smpp probe`: runs it, and shows what was learned as findings and as a `[[links]]` section."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.cli.errors import BadUsage, Failed
from gateway.cli.output import Style, columns
from gateway.cli.shell import Shell
from gateway.cli.smpp_target import Target
from sms.delivery.submission import sender_of
from sms.smpp.config import TlvPolicy
from sms.smpp.describe import name_of_status
from sms.tools.habits import findings, link_options
from sms.tools.probe import AT_ONCE, Addresses, Probe, ProbeReport

ANSWER_SECONDS_MAX = 5.0


def probe_of(shell: Shell, target: Target, options: Mapping[str, Any]) -> ProbeReport:
    """Do it.

    Raises:
        BadUsage: the number is none.
        Failed: the SMSC accepted nothing, so nothing could be learned.
    """
    to = options["to"]
    if not (to.isascii() and to.isdecimal()):
        raise BadUsage(f"--to {to}: a number is digits alone", fix="write it like 79160000001")
    sender = sender_of(options["sender"])
    addresses = Addresses(sender=sender.address, sender_ton=sender.ton, sender_npi=sender.npi, to=to)
    config = replace(
        target.config,
        window=AT_ONCE,
        tlv=TlvPolicy.ALWAYS,
        response_timeout_s=min(ANSWER_SECONDS_MAX, target.config.response_timeout_s),
    )

    async def work(reactor: Any) -> ProbeReport:
        def told(what: str) -> None:
            shell.say(shell.paint(f"… {what}", Style.QUIET))

        return await Probe(addresses, reactor, receipts_wait_s=options["wait"], told=told).run(
            config, target.endpoint(reactor)
        )

    report = target.ask(work)
    if not any(one.status == 0 for one in report.seen.introductions):
        said = ", ".join(sorted({name_of_status(one.status) for one in report.seen.introductions if one.status}))
        raise Failed(
            f"{target.where} accepted no message ({said or 'no answer'}): nothing can be learned",
            fix="give a number that this account may send to with --to, and a sender it may use with --from",
        )
    return report


def report_of(target: Target, report: ProbeReport) -> dict[str, Any]:
    """The report as a document; `configuration` is the TOML text of the link."""
    seen = report.seen
    return {
        "address": target.where,
        "smsc": seen.smsc,
        "messages": report.messages,
        "seconds": int(report.seconds * 100) / 100,
        "findings": [{"habit": one.habit, "value": one.value, "evidence": one.evidence} for one in findings(seen)],
        "configuration": _configuration(target, link_options(seen)),
    }


def lines_of(shell: Shell, document: dict[str, Any]) -> list[str]:
    """The same for people."""
    rows = [(one["habit"], one["value"], one["evidence"]) for one in document["findings"]]
    return [
        f"{document['smsc'] or document['address']}: {document['messages']} messages in {document['seconds']:.1f} s",
        "",
        *columns(rows, headings=("habit", "is", "because")),
        "",
        *(shell.paint(line, Style.STRONG) for line in document["configuration"].splitlines()),
    ]


def _configuration(target: Target, options: Mapping[str, str]) -> str:
    config = target.config
    lines = [
        "[[links]]",
        'name = "smsc-1"',
        f'host = "{config.host}"',
        f"port = {config.port}",
        f'system_id = "{config.system_id}"',
        'password_file = "smsc-1.password"',
        f'bind = "{config.bind}"',
        *(["tls = true"] if target.tls else []),
        *(f"{name} = {value}" for name, value in options.items()),
    ]
    return "\n".join(lines) + "\n"
