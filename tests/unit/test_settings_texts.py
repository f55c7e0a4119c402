"""The keys that say how texts are cut, for the whole programme and for each link."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.settings import LinkSection, SmsSection
from sms.text import PLAIN, Carriage, DefaultAlphabet, Language, LongMessages


def link(**keys: Any) -> LinkSection:
    return LinkSection.model_validate({"name": "a", "host": "h", "system_id": "s", "password": "p", **keys})


def test_a_link_carries_texts_plainly_unless_told() -> None:
    assert link().carriage == PLAIN


def test_a_links_keys_say_how_it_carries_texts() -> None:
    assert link(shift_tables=["turkish", "urdu", "turkish"], long_messages="udh16").carriage == Carriage(
        shift_tables=(Language.TURKISH, Language.URDU), long_messages=LongMessages.UDH16
    )
    assert link(alphabet="latin1").carriage == Carriage(alphabet=DefaultAlphabet.LATIN1)
    assert link(long_messages="sar", tlv="always").carriage == Carriage(long_messages=LongMessages.SAR)


def test_every_language_of_the_standard_can_be_named() -> None:
    assert link(shift_tables=[one.name.lower() for one in Language]).carriage.shift_tables == tuple(Language)


@pytest.mark.parametrize("way", ["sar", "payload"])
@pytest.mark.parametrize("tlv", ["auto", "never"])
def test_a_way_of_joining_by_parameters_needs_a_link_that_always_sends_them(way: str, tlv: str) -> None:
    with pytest.raises(ValidationError, match="needs tlv = always"):
        link(long_messages=way, tlv=tlv)


def test_shift_tables_need_the_gsm_alphabet() -> None:
    with pytest.raises(ValidationError, match="need alphabet = gsm7"):
        link(shift_tables=["turkish"], alphabet="latin1")


@pytest.mark.parametrize("keys", [{"alphabet": "ucs2"}, {"shift_tables": ["romanian"]}, {"long_messages": "udh"}])
def test_what_does_not_exist_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        link(**keys)


@pytest.mark.parametrize(("segments", "is_good"), [(0, False), (1, True), (255, True), (256, False)])
def test_a_text_may_be_allowed_1_to_255_segments(segments: int, is_good: bool) -> None:
    if is_good:
        assert SmsSection(segments_max=segments).segments_max == segments
    else:
        with pytest.raises(ValidationError):
            SmsSection(segments_max=segments)
