"""What the ledger's rows still know of a subscription's numbers once it is erased: blotted out, sums untouched."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, literal, or_, select, update

from billing.store import schema
from billing.words import KeyKind, PostingKind


def numbers_of(connection: Connection, subscription_id: int) -> Sequence[str]:
    """Every number the subscription ever had."""
    owner = schema.msisdn_owner.c
    found = select(owner.msisdn).where(owner.subscription_id == subscription_id).distinct()
    return connection.execute(found).scalars().all()


def erase_numbers(connection: Connection, subscription_id: int, numbers: Sequence[str]) -> None:
    """Take the numbers out of the directory, of clicks and of stored answers."""
    owner, click = schema.msisdn_owner.c, schema.click.c
    connection.execute(delete(schema.msisdn_owner).where(owner.subscription_id == subscription_id))
    mine = or_(click.subscription_id == subscription_id, (click.subscription_id == 0) & click.msisdn.in_(numbers))
    connection.execute(update(schema.click).where(mine, click.msisdn.in_(numbers)).values(msisdn=""))
    for number in numbers:
        _blot_answers(connection, subscription_id, number)


def _blot_answers(connection: Connection, subscription_id: int, number: str) -> None:
    """Answers name the number under "msisdn": those to charges, reservations and target actions."""
    key = schema.request_key.c
    charge, posting, reservation = schema.charge.c, schema.posting.c, schema.reservation.c
    named = (
        (KeyKind.CHARGE, select(charge.charge_id).where(charge.subscription_id == subscription_id)),
        (
            KeyKind.RESERVATION,
            select(reservation.reservation_id).where(reservation.subscription_id == subscription_id),
        ),
        (
            KeyKind.PROMO_ACTION,
            select(posting.ref).where(
                posting.subscription_id == subscription_id, posting.kind == PostingKind.PROMO.value
            ),
        ),
    )
    for kind, ids in named:
        blotted = func.replace(key.answer, literal(f'"msisdn":"{number}"'), literal('"msisdn":""'))
        connection.execute(
            update(schema.request_key)
            .where(key.kind == kind.value, key.key.in_(ids), key.subscription_id == subscription_id)
            .values(answer=blotted)
        )
