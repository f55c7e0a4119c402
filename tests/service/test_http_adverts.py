"""Campaigns at the HTTP door: audience, texts in every language, repetition."""

from typing import Any

import pytest
from http_parts import A, Door

TEXTS = {"ru": "Весна", "ro": "Primavara", "en": "Spring"}


def test_a_campaign_names_numbers_or_goes_to_all_who_consented() -> None:
    door = Door()
    first = door.call("POST", "/v1/adverts", {"campaign_id": "c", "texts": TEXTS})
    door.advertising.known.add("c")
    again = door.call("POST", "/v1/adverts", {"campaign_id": "c", "texts": TEXTS, "audience": "all"})
    named = door.call("POST", "/v1/adverts", {"campaign_id": "d", "texts": TEXTS, "audience": [f"+{A}"]})
    assert (first.status, again.status, named.status) == (201, 200, 201)
    assert (first.raw, again.headers["idempotency-hit"]) == (again.raw, "true")
    assert (first.body["campaign_id"], first.body["queued"]) == ("c", 3)
    assert [one.audience for one in door.advertising.campaigns] == [None, None, [A]]


def test_a_campaign_says_what_its_texts_cost() -> None:
    texts = {"ru": "Весна", "ro": "Primăvară " * 10, "en": "5 €"}
    cost = Door().call("POST", "/v1/adverts", {"campaign_id": "c", "texts": texts}).body["cost"]
    assert {language: (one["coding"], one["segments"], one["units_left"]) for language, one in cost.items()} == {
        "ru": ("ucs2", 1, 65),
        "ro": ("ucs2", 2, 34),
        "en": ("gsm7", 1, 156),
    }
    assert (cost["ro"]["forced_by"], cost["ro"]["translit_segments"]) == (["ă"], 1)
    assert cost["en"]["doubled"] == ["€"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"texts": {"ru": "Весна", "ro": "Primavara"}}, "texts.en"),
        ({"texts": TEXTS | {"en": " "}}, "texts.en"),
        ({"texts": TEXTS | {"en": "x" * 601}}, "texts.en"),
        ({"campaign_id": ""}, "campaign_id"),
    ],
)
def test_a_malformed_campaign_names_the_field(change: dict[str, Any], field: str) -> None:
    body = {"campaign_id": "c", "texts": TEXTS} | change
    answer = Door().call("POST", "/v1/adverts", body)
    assert (answer.status, answer.body["field"]) == (400, field)
