"""USSD strings and dialects over any text and any octets."""

from hypothesis import given
from hypothesis import strategies as st

from sms.text import coding_of
from sms.text.gsm import DEFAULT
from ussd.wire import PROFILES, Kind, SmppUssdProfile, WireUnit, decode_string, encode_string, octets_of

GSM = [char for char in DEFAULT.basic if char != "\x1b"] + list(DEFAULT.extension.values())
texts = st.text(st.sampled_from(GSM), max_size=182) | st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
tlvs = st.lists(
    st.tuples(st.sampled_from([0x0501, 0x1383, 0x0204, 0x1501]) | st.integers(0, 0xFFFF), st.binary(max_size=5)),
    max_size=5,
).map(tuple)
units = st.builds(
    WireUnit,
    source=st.text("0123456789+", max_size=20),
    destination=st.text("0123456789*#", max_size=20),
    service_type=st.sampled_from(["USSD", "", "CMT"]),
    data_coding=st.integers(0, 255),
    payload=st.binary(max_size=40),
    tlvs=tlvs,
)
profiles = st.sampled_from(list(PROFILES.values()))


@given(texts)
def test_any_text_comes_back_from_its_string(text: str) -> None:
    packed = encode_string(text)
    assert len(packed.octets) == octets_of(text)
    read = decode_string(packed.octets, packed.dcs)
    if read.warnings:  # short GSM texts may look like UTF-16: the price of reading networks that err
        return
    septets = len(DEFAULT.encode(text)) if DEFAULT.holds(text) else 1
    twice = text + "\r" if septets % 8 == 0 and text.endswith("\r") else text
    assert read.text == twice
    assert read.coding is coding_of(text)


@given(st.binary(max_size=170), st.integers(0, 255))
def test_any_octets_under_any_scheme_read_as_some_text(octets: bytes, dcs: int) -> None:
    assert isinstance(decode_string(octets, dcs).text, str)


@given(profiles, units)
def test_any_unit_tells_something(profile: SmppUssdProfile, unit: WireUnit) -> None:
    read = profile.read_indication(unit)
    assert read.kind in Kind
    for end in (True, False):
        sent = profile.write_response(unit, "Sold", end=end)
        assert (sent.source, sent.destination) == (unit.destination, unit.source)
        assert profile.read_response(sent).text == "Sold"
