"""What the wire side of USSD refuses."""


class UssdWireError(Exception):
    """Root of the errors of USSD on the wire."""


class OperationUnknown(UssdWireError):
    """An answer to the network without an operation it knows; a subscriber would wait until the timer ends."""

    def __init__(self, operation: int | None) -> None:
        stated = "no ussd_service_op" if operation is None else f"ussd_service_op {operation} (0x{operation:02x})"
        super().__init__(f"{stated}: neither a menu nor an end")
        self.operation = operation


class SessionOutOfRange(UssdWireError):
    """A session number or step that the dialect's parameter has no room for."""
