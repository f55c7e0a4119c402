"""Texts on the wire: alphabets, the choice of coding and its cost, segments and their reassembly. Pure."""

from sms.text.carriage import PLAIN, Carriage, DefaultAlphabet, LongMessages
from sms.text.coding import Coding, Cost, UnicodeMode, coding_of, decode, display_form, encode, transliterate
from sms.text.errors import CharacterOutsideAlphabet, HeaderMalformed, TextError, TextRefusal, TextTooLong
from sms.text.headers import Concatenation, Header, ShiftTables, split_header
from sms.text.national import Language
from sms.text.preview import Preview, preview
from sms.text.reassembly import Assembled, Reassembler
from sms.text.segments import PARTS_MAX, Segment, capacity, cost_of, prepared, segments_for

__all__ = [
    "PARTS_MAX",
    "PLAIN",
    "Assembled",
    "Carriage",
    "CharacterOutsideAlphabet",
    "Coding",
    "Concatenation",
    "Cost",
    "DefaultAlphabet",
    "Header",
    "HeaderMalformed",
    "Language",
    "LongMessages",
    "Preview",
    "Reassembler",
    "Segment",
    "ShiftTables",
    "TextError",
    "TextRefusal",
    "TextTooLong",
    "UnicodeMode",
    "capacity",
    "coding_of",
    "cost_of",
    "decode",
    "display_form",
    "encode",
    "prepared",
    "preview",
    "segments_for",
    "split_header",
    "transliterate",
]
