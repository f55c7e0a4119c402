"""What text coding refuses, each with the reason a person can act on."""


class TextError(Exception):
    """Root of the errors of text coding."""


class TextRefusal(TextError):
    """A text or its octets cannot be carried as asked."""


class CharacterOutsideAlphabet(TextRefusal):
    """A character that the alphabet does not hold; such a text travels as UCS-2."""

    def __init__(self, character: str, position: int) -> None:
        super().__init__(f"character {character!r} at position {position} is not in the GSM 7-bit alphabet")
        self.character = character
        self.position = position


class TextTooLong(TextRefusal):
    """A text needs more parts than the cap allows; 255 is what a concatenation header can count."""

    def __init__(self, *, parts: int, parts_max: int) -> None:
        super().__init__(f"the text needs {parts} parts, at most {parts_max} are allowed")
        self.parts = parts
        self.parts_max = parts_max


class HeaderMalformed(TextRefusal):
    """A user data header whose lengths do not add up."""
