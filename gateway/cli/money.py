"""Charges, top-ups and vouchers from the shell. An id that is not given is made up, and printed."""

import uuid
from typing import Any

import click

from gateway.cli.client import in_path
from gateway.cli.people import given
from gateway.cli.shell import Shell, gateway_verb

CHARGE_TYPES = ("tariff_fee", "usage", "service", "content", "subscription")

new_id = uuid.uuid4
"""Where ids come from that the caller did not give."""


def _id(wanted: str | None) -> str:
    return wanted or f"cli-{new_id()}"


@click.group()
def charge() -> None:
    """Charges: cashback pays first."""


@charge.command("draw")
@click.argument("msisdn")
@click.argument("amount")
@click.option("--type", "kind", type=click.Choice(CHARGE_TYPES), default="usage", show_default=True)
@click.option("--id", "charge_id", metavar="ID", help="The charge's id: the same id draws once.")
@click.option("--occurred-at", metavar="INSTANT", help="When it happened [the business clock's now].")
@gateway_verb
def draw(
    shell: Shell, msisdn: str, amount: str, *, kind: str, charge_id: str | None, occurred_at: str | None
) -> None:
    """Draw AMOUNT (such as 650.00) from cashback, then main."""
    body = {
        "charge_id": _id(charge_id),
        "msisdn": msisdn,
        "type": kind,
        "amount": amount,
        **given(occurred_at=occurred_at),
    }
    answer = shell.gateway().ask("POST", "/v1/charges", body)
    shell.done(
        answer,
        f"{answer['charge_id']}  {answer['status']}: cashback {answer['cashback']}, main {answer['main']}, "
        f"unpaid {answer['unpaid']}",
    )


@charge.command("show")
@click.argument("charge_id")
@gateway_verb
def show_charge(shell: Shell, charge_id: str) -> None:
    """Show a charge as it stands now, with refunds and settlements."""
    shell.show(shell.gateway().ask("GET", f"/v1/charges/{in_path(charge_id)}"))


@charge.command("refund")
@click.argument("charge_id")
@click.argument("amount")
@click.option("--id", "refund_id", metavar="ID", help="The refund's id: the same id refunds once.")
@gateway_verb
def refund(shell: Shell, charge_id: str, amount: str, refund_id: str | None) -> None:
    """Give AMOUNT of a charge back. What is unpaid is lowered first, then main, then cashback."""
    body = {"refund_id": _id(refund_id), "amount": amount}
    answer = shell.gateway().ask("POST", f"/v1/charges/{in_path(charge_id)}/refunds", body)
    shell.done(
        answer,
        f"{answer['refund_id']}  unpaid {answer['unpaid']}, main {answer['main']}, cashback {answer['cashback']}",
    )


@click.command()
@click.argument("msisdn")
@click.argument("amount")
@click.option("--id", "topup_id", metavar="ID", help="The top-up's id: the same id adds once.")
@gateway_verb
def topup(shell: Shell, msisdn: str, amount: str, topup_id: str | None) -> None:
    """Add AMOUNT to the main balance; the oldest unpaid charges are settled from it."""
    body = {"topup_id": _id(topup_id), "msisdn": msisdn, "amount": amount}
    answer = shell.gateway().ask("POST", "/v1/topups", body)
    settled: list[dict[str, Any]] = answer["settled"]
    paid = "".join(f", settled {one['charge_id']} {one['amount']}" for one in settled)
    shell.done(answer, f"{answer['topup_id']}  main {answer['main']}{paid}")


@click.group()
def voucher() -> None:
    """Handset vouchers."""


@voucher.command("issue")
@click.argument("msisdn")
@click.argument("amount")
@click.option("--handset-price", required=True, metavar="AMOUNT", help="What the handset costs.")
@click.option("--id", "voucher_id", metavar="ID", help="The voucher's id: the same id issues once.")
@gateway_verb
def issue(shell: Shell, msisdn: str, amount: str, handset_price: str, voucher_id: str | None) -> None:
    """Turn AMOUNT into a voucher for a handset. It is of bonus (corporate, off-net) or of cashback."""
    body = {"voucher_id": _id(voucher_id), "msisdn": msisdn, "amount": amount, "handset_price": handset_price}
    answer = shell.gateway().ask("POST", "/v1/vouchers", body)
    shell.done(
        {"voucher_id": body["voucher_id"], **answer},
        f"{body['voucher_id']}  code {answer['code']}, {answer['amount']}, until {answer['valid_until']}",
    )


@voucher.command("cancel")
@click.argument("voucher_id")
@gateway_verb
def cancel(shell: Shell, voucher_id: str) -> None:
    """Take a voucher back: it goes back where it came from."""
    answer = shell.gateway().ask("DELETE", f"/v1/vouchers/{in_path(voucher_id)}")
    shell.done(answer, f"{answer['voucher_id']}  {answer['state']}, {answer['amount']} went back")


@voucher.command("redeem")
@click.argument("code")
@click.argument("amount")
@click.option("--handset-price", metavar="AMOUNT", help="What the handset costs.")
@click.option("--id", "redemption_id", metavar="ID", help="The redemption's id: the same id redeems once.")
@gateway_verb
def redeem(shell: Shell, code: str, amount: str, handset_price: str | None, redemption_id: str | None) -> None:
    """Take AMOUNT of the voucher CODE at the till; the rest goes back."""
    body = {"redemption_id": _id(redemption_id), "code": code, "amount": amount, **given(handset_price=handset_price)}
    answer = shell.gateway().ask("POST", "/v1/voucher-redemptions", body)
    shell.done(answer, f"{answer['redemption_id']}  {answer['amount']} taken, {answer['returned']} went back")


@voucher.command("show")
@click.argument("voucher_id")
@gateway_verb
def show_voucher(shell: Shell, voucher_id: str) -> None:
    """Show a voucher."""
    shell.show(shell.gateway().ask("GET", f"/v1/vouchers/{in_path(voucher_id)}"))
