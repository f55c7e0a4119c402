"""What an SMSC's message_state means for a message (SMPP 3.4 §5.2.28). Pure."""

from sms.outbox.model import Step
from sms.smpp.constants import MessageState

STEP_OF_STATE: dict[MessageState, Step] = {
    MessageState.SCHEDULED: Step.ENROUTE,
    MessageState.ENROUTE: Step.ENROUTE,
    MessageState.DELIVERED: Step.DELIVERED,
    MessageState.EXPIRED: Step.EXPIRED,
    MessageState.DELETED: Step.DELETED,
    MessageState.UNDELIVERABLE: Step.UNDELIVERABLE,
    MessageState.ACCEPTED: Step.ENROUTE,
    MessageState.UNKNOWN: Step.LOST,
    MessageState.REJECTED: Step.REJECTED,
    MessageState.SKIPPED: Step.DELETED,
}
