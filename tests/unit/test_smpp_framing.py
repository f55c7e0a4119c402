"""Frames out of octets; a stream that is lost stays lost."""

from sms.smpp.framing import Framer


def test_frames_come_out_whole_and_the_rest_waits() -> None:
    """SMPP check 3."""
    framer = Framer()
    one, two = (16).to_bytes(4) + bytes(12), (20).to_bytes(4) + bytes(16)
    assert framer.feed(one + two + one[:3]) == [one, two]
    assert framer.pending == 3
    assert framer.feed(one[3:15]) == []
    assert framer.feed(one[15:] + two) == [one, two]
    assert framer.pending == 0


def test_the_cap_itself_is_allowed_and_one_more_is_not() -> None:
    """SMPP check 2: known from four octets, before anything is kept."""
    framer = Framer(100)
    most = (100).to_bytes(4) + bytes(96)
    assert framer.feed(most + (101).to_bytes(4)) == [most]
    assert framer.error is not None
    assert framer.pending == 0
    assert framer.feed(most) == []
