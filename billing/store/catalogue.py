"""The partner catalogue in the database: one document per version, kept for ever; secrets apart; tariff plans.

The document is canonical JSON in our own words (kopecks, millionths of a percent), so that every accrual can be
computed again from the version it names.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy import insert as plain_insert

from billing.catalogue import Catalogue, PartnerTerms, PromoTerms, build_catalogue
from billing.records import Reward, Tariff
from billing.store import rows, schema
from billing.store.dialects import put_rows
from billing.words import Category

SECRETS_MAX = 2
"""Live secrets of one partner: two during a rotation."""

NOTHING = Catalogue(version="", partners={}, promos={})
"""What runs before the first catalogue is put."""


def install(
    connection: Connection,
    partners: Sequence[PartnerTerms],
    promos: Sequence[PromoTerms],
    secrets: Mapping[str, Sequence[str]],
    now: datetime,
) -> Catalogue:
    """Put a new version of the whole set, or nothing. Partners that `secrets` does not name keep theirs.

    Raises:
        CeilingBroken, InvalidFigure: as `build_catalogue`; the running catalogue stays.
    """
    table = schema.catalogue
    newest = connection.execute(select(func.coalesce(func.max(table.c.version), 0))).scalar_one()
    version = int(newest) + 1
    installed = build_catalogue(partners, promos, str(version))
    document = json.dumps(
        {"partners": [_partner_out(one) for one in partners], "promos": [_promo_out(one) for one in promos]},
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    connection.execute(plain_insert(table).values(version=version, installed_at=now, document=document))
    for partner, live in secrets.items():
        _put_secrets(connection, partner, live)
    return installed


def running(connection: Connection) -> Catalogue:
    """The catalogue that runs: the newest version."""
    table = schema.catalogue
    row = connection.execute(select(table).order_by(table.c.version.desc()).limit(1)).one_or_none()
    if row is None:
        return NOTHING
    partners, promos = _document_in(row.document)
    return build_catalogue(partners, promos, str(row.version))


def document(connection: Connection) -> tuple[tuple[PartnerTerms, ...], tuple[PromoTerms, ...]]:
    """The running set in the order it was put."""
    table = schema.catalogue
    text = connection.execute(select(table.c.document).order_by(table.c.version.desc()).limit(1)).scalar_one_or_none()
    return ((), ()) if text is None else _document_in(text)


def secrets_of(connection: Connection) -> Mapping[str, tuple[str, ...]]:
    """The live secrets of every partner, also of those left out of the running catalogue."""
    table = schema.partner_secret.c
    found: dict[str, tuple[str, ...]] = {}
    for partner, secret in connection.execute(
        select(table.partner, table.secret).order_by(table.partner, table.slot)
    ):
        found[partner] = (*found.get(partner, ()), secret)
    return found


def put_tariff(connection: Connection, tariff: Tariff) -> None:
    """Create or change a tariff plan."""
    put_rows(connection, schema.tariff, [rows.TARIFF.row(tariff)], "replace")


def tariffs(connection: Connection) -> tuple[Tariff, ...]:
    """All tariff plans, by code."""
    return tuple(
        rows.TARIFF.record(row) for row in connection.execute(rows.TARIFF.select().order_by(schema.tariff.c.code))
    )


def _put_secrets(connection: Connection, partner: str, live: Sequence[str]) -> None:
    if len(live) > SECRETS_MAX:
        raise ValueError(f"{partner} has {len(live)} secrets, at most {SECRETS_MAX} may live")
    connection.execute(delete(schema.partner_secret).where(schema.partner_secret.c.partner == partner))
    put_rows(connection, schema.partner_secret, [(partner, slot, secret) for slot, secret in enumerate(live)])


def _document_in(text: str) -> tuple[tuple[PartnerTerms, ...], tuple[PromoTerms, ...]]:
    flat = json.loads(text)
    return (
        tuple(_partner_in(one) for one in flat["partners"]),
        tuple(_promo_in(one) for one in flat["promos"]),
    )


def _partner_out(terms: PartnerTerms) -> dict[str, Any]:
    return {
        "code": terms.code,
        "name": terms.name,
        "category": terms.category.value,
        "percent": terms.reward.percent,
        "fixed": terms.reward.fixed,
        "min_purchase": terms.min_purchase,
        "confirm_days": terms.confirm_days,
        "app_allowed": terms.app_allowed,
        "valid_from": _instant_out(terms.valid_from),
    }


def _partner_in(flat: dict[str, Any]) -> PartnerTerms:
    return PartnerTerms(
        code=flat["code"],
        name=flat["name"],
        category=Category(flat["category"]),
        reward=Reward(percent=flat["percent"], fixed=flat["fixed"]),
        min_purchase=flat["min_purchase"],
        confirm_days=flat["confirm_days"],
        app_allowed=flat["app_allowed"],
        valid_from=_instant_in(flat["valid_from"]),
    )


def _promo_out(terms: PromoTerms) -> dict[str, Any]:
    return {
        "code": terms.code,
        "name": terms.name,
        "amount": terms.amount,
        "percent": terms.percent,
        "partner": terms.partner,
        "uncapped": terms.uncapped,
        "valid_from": _instant_out(terms.valid_from),
        "valid_until": _instant_out(terms.valid_until),
    }


def _promo_in(flat: dict[str, Any]) -> PromoTerms:
    return PromoTerms(
        code=flat["code"],
        name=flat["name"],
        amount=flat["amount"],
        percent=flat["percent"],
        partner=flat["partner"],
        uncapped=flat["uncapped"],
        valid_from=_instant_in(flat["valid_from"]),
        valid_until=_instant_in(flat["valid_until"]),
    )


def _instant_out(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _instant_in(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
