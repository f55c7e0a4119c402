"""`smpp bench`: the plan from the options, and the report for people and programs."""

from collections.abc import Mapping
from typing import Any

from gateway.cli.errors import BadUsage
from gateway.cli.output import pairs
from gateway.cli.shell import Shell
from gateway.cli.smpp_target import Target
from sms.delivery.submission import sender_of
from sms.smpp.constants import Npi, Ton
from sms.smpp.describe import name_of_status
from sms.smpp.pdu import SubmitSm
from sms.text import segments_for
from sms.tools.load import Load, LoadPlan, LoadReport, percentiles_ms


def load(target: Target, options: Mapping[str, Any]) -> LoadReport:
    """Run it.

    Raises:
        BadUsage: the text needs more than a segment, the sender or the number is none.
    """
    plan = LoadPlan(
        count=options["count"],
        message=_messages(options["sender"], options["to"], options["spread"], options["text"]),
        rate_per_s=options["rate"],
        receipts_wait_s=options["receipts"],
    )

    async def work(reactor: Any) -> LoadReport:
        endpoints = [target.endpoint(reactor) for _ in range(options["sessions"])]
        return await Load(plan, reactor).run(target.config, endpoints)

    return target.ask(work)


def report_of(report: LoadReport) -> dict[str, Any]:
    """The report as a document; times in milliseconds."""
    document: dict[str, Any] = {
        "sent": report.sent,
        "accepted": report.accepted,
        "refused": {name_of_status(status): count for status, count in sorted(report.refused.items())},
        "unknown": report.unknown,
        "never_written": report.never_written,
        "seconds": int(report.seconds * 1_000) / 1_000,
        "per_second": int(report.accepted / report.seconds) if report.seconds else 0,
        "answer_ms": percentiles_ms(report.answer_s),
    }
    if report.receipts or report.receipts_missing != report.accepted:
        document["receipts"] = {
            "come": report.receipts,
            "missing": report.receipts_missing,
            "double": report.receipts_double,
            "before_answer": report.receipts_first,
            "of_unknown_id": report.receipts_strange,
            "after_answer_ms": percentiles_ms(report.receipt_s),
        }
    return document


def lines_of(shell: Shell, document: dict[str, Any]) -> list[str]:
    """The same for people: what did not happen is left out, unless everything is asked for."""
    shown = {name: value for name, value in document.items() if value or name in ("sent", "accepted", "per_second")}
    return pairs(document if shell.quiet else shown)


def _messages(sender: str, to: str, spread: int, text: str) -> Any:
    if not (to.isascii() and to.isdecimal()):
        raise BadUsage(f"--to {to}: a number is digits alone", fix="write it like 79160000001")
    segments = segments_for(text, reference=0)
    if len(segments) > 1:
        raise BadUsage(f"--text needs {len(segments)} segments; one message is one segment here")
    segment, source, first = segments[0], sender_of(sender), int(to)

    def message(number: int) -> SubmitSm:
        return SubmitSm(
            source_addr_ton=source.ton,
            source_addr_npi=source.npi,
            source_addr=source.address,
            dest_addr_ton=int(Ton.INTERNATIONAL),
            dest_addr_npi=int(Npi.ISDN),
            destination_addr=str(first + number % spread),
            data_coding=segment.coding.data_coding,
            short_message=segment.payload,
        )

    return message
