"""What an SMSC's answers and receipts say of its habits, and the link's configuration that follows. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sms.smpp.describe import name_of_status
from sms.smpp.receipt import Receipt

RATE_SAFE = 0.9
"""What of a measured rate a link should use: the contract is what counts, not the last message it let pass."""
WINDOW_USUAL = 10


class IdForm(StrEnum):
    """How a receipt writes the id that the submit_sm_resp gave."""

    SAME = "as_sent"
    OTHER_CASE = "other_case"
    NO_ZEROS = "without_leading_zeros"
    DECIMAL = "decimal_of_hexadecimal"
    HEXADECIMAL = "hexadecimal_of_decimal"
    UNRELATED = "unrelated"


@dataclass(slots=True, kw_only=True)
class Sent:
    """One submission: its answer, and the receipt that was found to be its; times in seconds of one clock."""

    number: int
    with_parameters: bool
    at: float
    answered_at: float | None = None
    status: int | None = None
    message_id: str = ""
    receipt_at: float | None = None
    receipt: Receipt | None = None
    receipt_has_parameters: bool = False
    receipt_text_id: str = ""
    reference_came_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One habit: `value` for programs, `evidence` in words."""

    habit: str
    value: str
    evidence: str


@dataclass(slots=True, kw_only=True)
class Seen:
    """Everything a probe saw."""

    smsc: str = ""
    version: int | None = None
    bind_ms: float = 0.0
    enquire_link_ms: float | None = None
    introductions: list[Sent] = field(default_factory=list)
    names_refused: int | None = None
    long_text: Sent | None = None
    high_octets: Sent | None = None
    one_by_one: list[Sent] = field(default_factory=list)
    paced: list[Sent] = field(default_factory=list)
    at_once: list[Sent] = field(default_factory=list)


_RELATIONS: Mapping[IdForm, Callable[[str, str], bool]] = {
    IdForm.SAME: lambda answer, receipt: answer == receipt,
    IdForm.OTHER_CASE: lambda answer, receipt: answer.lower() == receipt.lower(),
    IdForm.NO_ZEROS: lambda answer, receipt: answer.lower().lstrip("0") == receipt.lower().lstrip("0"),
    IdForm.DECIMAL: lambda answer, receipt: _number(answer, 16) == _number(receipt, 10) is not None,
    IdForm.HEXADECIMAL: lambda answer, receipt: _number(answer, 10) == _number(receipt, 16) is not None,
}


def id_form(pairs: Sequence[tuple[str, str]]) -> IdForm:
    """The one relation between the ids of answers and of receipts that holds for all pairs, the simplest first."""
    for form, holds in _RELATIONS.items():
        if pairs and all(holds(answer, receipt) for answer, receipt in pairs):
            return form
    return IdForm.UNRELATED


def same_message(answer_id: str, receipt_id: str) -> bool:
    """Whether a receipt's id may name the message of this answer, in any form."""
    return any(holds(answer_id, receipt_id) for holds in _RELATIONS.values())


def findings(seen: Seen) -> list[Finding]:
    """The habits, in the order in which a person would ask for them."""
    found = [_version(seen), _parameters(seen), _senders(seen), _alphabet(seen), *_receipts(seen)]
    return [*found, _rate(seen), _window(seen), *_statuses(seen)]


def link_options(seen: Seen) -> dict[str, str]:
    """The keys of a `[[links]]` section that differ from the defaults, as TOML values."""
    options: dict[str, str] = {}
    by_name = {one.habit: one.value for one in findings(seen)}
    if by_name["parameters"] == "refused":
        options["tlv"] = '"never"'
    elif by_name["parameters"] == "taken" and seen.version is None:
        options["tlv"] = '"always"'
    if by_name["data_coding_0"] in ("latin1", "ascii"):
        options["alphabet"] = f'"{by_name["data_coding_0"]}"'
    rate = rate_of(seen)
    if rate is not None:
        options["rate_per_s"] = str(max(1, int(rate * RATE_SAFE)))
    window = window_of(seen)
    if window is not None and window < WINDOW_USUAL:
        options["window"] = str(window)
    vendor = [
        one for one in _refusals(seen.one_by_one + seen.paced + seen.at_once) if name_of_status(one).startswith("0x")
    ]
    if vendor:
        pairs = ", ".join(f'"0x{status:x}" = "throttled"' for status in sorted(vendor))
        options["status_classes"] = f"{{ {pairs} }}"
    return options


def rate_of(seen: Seen) -> float | None:
    """Messages a second that were taken before one was refused; None when none was."""
    if not _refusals(seen.paced):
        return None
    taken = [one for one in seen.paced if one.status == 0]
    return float(len(taken)) if taken else 1.0


def window_of(seen: Seen) -> int | None:
    """How many unanswered messages were taken at once; None when the limit was not met or a rate explains it."""
    if rate_of(seen) is not None or not _refusals(seen.at_once):
        return None
    return max(1, _accepted(seen.at_once))


def _version(seen: Seen) -> Finding:
    if seen.version is None:
        return Finding(habit="version", value="silent", evidence="bind_resp has no sc_interface_version")
    return Finding(habit="version", value=f"0x{seen.version:02x}", evidence="sc_interface_version of the bind_resp")


def _parameters(seen: Seen) -> Finding:
    tried = [one for one in seen.introductions if one.with_parameters]
    bare = [one for one in seen.introductions if not one.with_parameters]
    if any(one.status == 0 for one in tried):
        back = any(one.reference_came_back for one in tried)
        evidence = "user_message_reference was accepted" + (" and came back in the receipt" if back else "")
        return Finding(habit="parameters", value="taken", evidence=evidence)
    if any(one.status == 0 for one in bare):
        statuses = ", ".join(name_of_status(one) for one in _refusals(tried))
        return Finding(
            habit="parameters", value="refused", evidence=f"with one: {statuses}; the same without: accepted"
        )
    return Finding(habit="parameters", value="unknown", evidence="no submission was accepted")


def _senders(seen: Seen) -> Finding:
    if seen.names_refused is None:
        return Finding(habit="senders", value="as_given", evidence="the sender was accepted")
    return Finding(
        habit="senders",
        value="numbers_only",
        evidence=f"a name: {name_of_status(seen.names_refused)}; a number: accepted",
    )


def _alphabet(seen: Seen) -> Finding:
    long_text, high = seen.long_text, seen.high_octets
    if long_text is None or high is None or long_text.status is None or high.status is None:
        return Finding(habit="data_coding_0", value="unknown", evidence="the test messages had no answer")
    if long_text.status == 0:
        return Finding(habit="data_coding_0", value="gsm7", evidence="160 octets are one message: these are septets")
    why = f"160 octets: {name_of_status(long_text.status)}, so these are octets"
    if high.status == 0:
        return Finding(habit="data_coding_0", value="latin1", evidence=f"{why}; octets above 127 are accepted")
    return Finding(
        habit="data_coding_0", value="ascii", evidence=f"{why}; octets above 127: {name_of_status(high.status)}"
    )


def _receipts(seen: Seen) -> list[Finding]:
    accepted = [one for one in seen.introductions + seen.one_by_one if one.status == 0]
    come = [one for one in accepted if one.receipt_at is not None]
    if not come:
        return [
            Finding(habit="receipts", value="none", evidence=f"none for {len(accepted)} accepted messages in time")
        ]
    form = id_form([(one.message_id, one.receipt_text_id) for one in come if one.receipt_text_id])
    sample = next((one for one in come if one.receipt_text_id), come[0])
    has = sum(one.receipt_has_parameters for one in come)
    first = sum(one.receipt_at < one.answered_at for one in come if one.receipt_at and one.answered_at)
    return [
        Finding(habit="receipts", value="come", evidence=f"{len(come)} for {len(accepted)} accepted messages"),
        Finding(
            habit="receipt_id", value=form, evidence=f"answer {sample.message_id}, receipt {sample.receipt_text_id}"
        ),
        Finding(
            habit="receipt_parameters",
            value="sent" if has else "absent",
            evidence=f"receipted_message_id in {has} of {len(come)} receipts",
        ),
        Finding(
            habit="receipt_order", value=_order(come, first), evidence=f"{first} of {len(come)} before their answer"
        ),
    ]


def _order(come: Sequence[Sent], first: int) -> str:
    if first:
        return "before_answer"
    times = [one.receipt_at or 0.0 for one in sorted(come, key=lambda one: one.number)]
    return "in_order" if times == sorted(times) else "any"


def _rate(seen: Seen) -> Finding:
    rate = rate_of(seen)
    if rate is None:
        sent = seen.one_by_one
        seconds = (sent[-1].answered_at or sent[-1].at) - sent[0].at if sent else 0.0
        evidence = f"{len(sent)} messages one by one in {seconds:.2f} s, none refused"
        return Finding(habit="rate", value="no_limit_met", evidence=evidence)
    names = ", ".join(name_of_status(one) for one in _refusals(seen.paced))
    return Finding(habit="rate", value=f"{rate:g}", evidence=f"{rate:g} taken in a second, then {names}")


def _window(seen: Seen) -> Finding:
    window = window_of(seen)
    if window is None:
        return Finding(habit="window", value="no_limit_met", evidence=f"{len(seen.at_once)} at once")
    names = ", ".join(name_of_status(one) for one in _refusals(seen.at_once))
    evidence = f"{window} of {len(seen.at_once)} sent at once were taken, the others {names}"
    return Finding(habit="window", value=str(window), evidence=evidence)


def _statuses(seen: Seen) -> list[Finding]:
    every = seen.introductions + seen.one_by_one + seen.paced + seen.at_once
    unnamed = [one for one in _refusals(every) if name_of_status(one).startswith("0x")]
    return [
        Finding(
            habit="vendor_status", value=f"0x{status:x}", evidence="said when too much came: a pause, not a failure"
        )
        for status in sorted(unnamed)
    ]


def _refusals(messages: Sequence[Sent]) -> list[int]:
    return list(Counter(one.status for one in messages if one.status))


def _accepted(messages: Sequence[Sent]) -> int:
    return sum(one.status == 0 for one in messages)


def _number(digits: str, base: int) -> int | None:
    try:
        return int(digits, base)
    except ValueError:
        return None
