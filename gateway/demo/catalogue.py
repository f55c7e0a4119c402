"""The demo's partners, promotion and tariffs, as its users are told of them."""

from collections.abc import Mapping
from typing import Any


def _partner(code: str, name: str, category: str, **terms: Any) -> dict[str, Any]:
    return {"code": code, "name": name, "category": category, **terms, "secrets": [f"demo-secret-{code}"]}


CATALOGUE: Mapping[str, Any] = {
    "partners": [
        _partner("ozon", "Ozon", "shop", percent="5"),
        _partner("aliexpress", "AliExpress", "shop", percent="7", app_allowed=True),
        _partner("domino", "Domino's", "leisure", fixed="100.00", min_purchase="1000.00"),
        _partner("lamoda", "Lamoda", "shop", percent="10"),
        _partner("decathlon", "Decathlon", "shop", percent="3"),
        _partner("booking", "Booking", "travel", percent="4"),
        _partner("kino", "Kino", "leisure", percent="20"),
    ],
    "promos": [{"code": "quiz", "name": "Quiz"}],
}

TARIFFS: Mapping[str, str] = {"smart": "650.00", "zero": "0.00"}
"""Code and monthly fee."""
