"""What the outbox refuses; each is a mistake of the caller, never of a peer."""

from sms.errors import SmsError


class OutboxError(SmsError):
    """The root of the errors of the outbox."""


class StepImpossible(OutboxError):
    """A message was told to do what its state does not allow."""


class MessageMalformed(OutboxError):
    """A message that must never be queued: its fields cannot be stored or sent."""
