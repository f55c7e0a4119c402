"""A whole system whose link carries texts in its own way: the phone shows them as they were written."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from system import A, System

TURKISH = "Değerli müşterimiz, hesabınıza 50 TL iade yapıldı. " * 4
FRENCH = "Crédit confirmé: 50 euros, à voir où ça mène. " * 4
RUSSIAN = "Кэшбэк зачислен на счет и тратится первым. " * 4

LONG = pytest.mark.long

ADVERTS_OFF = "Adverts are off. SMS about cashback stay. Turn on: START"

LATIN1 = {"FIRSTCHARGE__SIMULATOR__PERSONA": "latin1", "FIRSTCHARGE__LINKS__0__ALPHABET": "latin1"}
TABLES = {
    "FIRSTCHARGE__LINKS__0__SHIFT_TABLES": '["turkish", "portuguese"]',
    "FIRSTCHARGE__LINKS__0__LONG_MESSAGES": "udh16",
}
SAR = {"FIRSTCHARGE__LINKS__0__LONG_MESSAGES": "sar", "FIRSTCHARGE__LINKS__0__TLV": "always"}
PAYLOAD = SAR | {"FIRSTCHARGE__LINKS__0__LONG_MESSAGES": "payload"}


@pytest.mark.parametrize(
    ("keys", "costs"),
    [
        pytest.param(LATIN1, [("ucs2", 4), ("latin1", 2), ("ucs2", 3)], id="latin1"),
        pytest.param(TABLES, [("gsm7", 2), ("gsm7", 2), ("ucs2", 3)], id="tables"),
        pytest.param(SAR, [("ucs2", 4), ("ucs2", 3), ("ucs2", 3)], id="sar", marks=LONG),
        pytest.param(PAYLOAD, [("ucs2", 4), ("ucs2", 3), ("ucs2", 3)], id="payload", marks=LONG),
    ],
)
def test_a_phone_shows_what_was_written_however_the_link_carries_it(
    tmp_path: Path, keys: Mapping[str, str], costs: list[tuple[str, int]]
) -> None:
    texts = [TURKISH.strip(), FRENCH.strip(), RUSSIAN.strip()]
    system = System(tmp_path / "demo", environ=keys).start()
    try:
        system.subscriber(A, language="en", unicode="strict")
        assert system.join(A, adverts=True).status == 201
        system.clear(A)
        for number, text in enumerate(texts):
            body = {"campaign_id": f"c{number}", "texts": dict.fromkeys(("ru", "ro", "en"), text), "audience": [A]}
            assert system.ok("POST", "/v1/adverts", body)["queued"] == 1
        assert sorted(system.inbox(A)) == sorted(texts)
        shown = {
            one["text"]: (one["coding"], one["segments"])
            for one in system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"]
        }
        assert [shown[text] for text in texts] == costs
        sent = system.sim("POST", f"/sim/handsets/{A}/sms", {"to": "4400", "text": "STOP"})
        assert (sent.status, sent.body["state"]) == (200, "accepted")
        assert [text for text in system.inbox(A) if text not in texts] == [ADVERTS_OFF]
    finally:
        system.stop()
