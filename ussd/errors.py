"""What the USSD core refuses when it is put together; a subscriber never sees any of these."""


class UssdError(Exception):
    """Root of the errors of the USSD core."""


class CodeTableInvalid(UssdError):
    """The configured codes or menus contradict themselves; the message names the entry."""


class TextUnpageable(UssdError):
    """A text that no number of pages within the limit can show, as navigation leaves no room for it."""
