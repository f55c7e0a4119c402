"""How an SMSC took a misdeed: None where it was sound, else what was wrong, in words."""

from collections.abc import Callable

from sms.smpp.constants import CommandStatus
from sms.tools.misdeeds import SUBMIT_RESP
from sms.tools.stage import Stage

Judge = Callable[[Stage], str | None]

OK = CommandStatus.ESME_ROK


def closes(stage: Stage) -> str | None:
    """It ends the connection."""
    return None if stage.was_closed else f"the connection was still open after {stage.seconds:g} s"


def stays(stage: Stage) -> str | None:
    """It keeps the connection."""
    return "the connection was closed" if stage.was_closed else None


def nothing_more(stage: Stage) -> str | None:
    """Nothing but living on, which is asked of every SMSC."""
    del stage
    return None


def refuses(stage: Stage) -> str | None:
    """It takes no message, and says so or closes."""
    accepted = stage.answered[SUBMIT_RESP, OK]
    if accepted:
        return "the submission was accepted"
    return None if stage.was_closed or stage.refusals else "there was no answer, and the connection stayed open"


def answers(stage: Stage) -> str | None:
    """It says something, whatever it is."""
    return None if stage.refusals or stage.answered[SUBMIT_RESP, OK] or stage.was_closed else "there was no answer"


def accepts(stage: Stage) -> str | None:
    """It takes the message."""
    return None if stage.answered[SUBMIT_RESP, OK] else "the submission was not accepted"


def nacks(stage: Stage) -> str | None:
    """It answers generic_nack 0x03 and stays."""
    if stage.was_closed:
        return "the connection was closed"
    return None if stage.answered["generic_nack", CommandStatus.ESME_RINVCMDID] else "there was no generic_nack 0x03"


def says_already_bound(stage: Stage) -> str | None:
    """It refuses the second bind."""
    said = any(status == CommandStatus.ESME_RALYBND for _, status in stage.answered)
    return None if said or stage.was_closed else "the second bind was not refused with ESME_RALYBND (0x05)"


def answers_all(count: Callable[[Stage], int], name: str = SUBMIT_RESP) -> Judge:
    """It answers each of so many requests once, unless it closes."""

    def judge(stage: Stage) -> str | None:
        got, wanted = stage.count_of(name), count(stage)
        if got > wanted:
            return f"{wanted} requests had {got} answers"
        return None if got == wanted or stage.was_closed else f"{wanted - got} of {wanted} requests were not answered"

    return judge


def refuses_bind(stage: Stage) -> str | None:
    """It refuses the bind, and says so or closes."""
    if stage.answered["bind_transceiver_resp", OK]:
        return "the bind was accepted"
    return None if stage.was_closed or stage.refusals else "there was no answer, and the connection stayed open"
