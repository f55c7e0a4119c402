"""Subscribers, members and balances from the shell."""

from typing import Any

import click

from gateway.cli.client import Client, in_path
from gateway.cli.shell import Shell, gateway_verb

CHANNELS_IN = ("web", "app", "site", "promo", "ussd", "sms")
CHANNELS_OUT = ("web", "app", "contact_centre", "ussd", "sms")
CONFLICT = 409


def subscriber_path(msisdn: str) -> str:
    """The path of a subscriber."""
    return f"/v1/subscribers/{in_path(msisdn)}"


def member_path(msisdn: str) -> str:
    """The path of a member."""
    return f"/v1/members/{in_path(msisdn)}"


def given(**fields: Any) -> dict[str, Any]:
    """The fields that were given: what is omitted keeps its value or its default."""
    return {name: value for name, value in fields.items() if value is not None}


@click.group()
def subscriber() -> None:
    """Numbers the operator knows."""


@subscriber.command("put")
@click.argument("msisdn")
@click.option("--contract", type=click.Choice(["individual", "corporate"]))
@click.option("--network", type=click.Choice(["on_net", "off_net"]))
@click.option("--language", type=click.Choice(["ru", "ro", "en"]))
@click.option("--tariff", metavar="CODE", help="The tariff plan; its fee is drawn on the 1st.")
@click.option(
    "--block",
    "blocks",
    multiple=True,
    type=click.Choice(["voluntary", "investigation", "mnp", "final"]),
    help="The blocks that stand from now on (several times for several).",
)
@click.option("--no-blocks", is_flag=True, help="Lift all blocks.")
@click.option("--imsi")
@click.option("--time-zone", metavar="ZONE", help="For quiet hours, such as Asia/Vladivostok.")
@click.option("--unicode", metavar="POLICY", help="How this phone's SMS are coded.")
@click.option("--credit-limit", metavar="AMOUNT", help="How far main may go below zero.")
@gateway_verb
def put_subscriber(shell: Shell, msisdn: str, blocks: tuple[str, ...], no_blocks: bool, **fields: Any) -> None:
    """Make a number known, or change it. What is omitted keeps its value."""
    if blocks and no_blocks:
        raise click.UsageError("--block and --no-blocks contradict each other")
    body = given(**fields)
    if blocks or no_blocks:
        body["blocks"] = list(blocks)
    answer = shell.gateway().ask("PUT", subscriber_path(msisdn), body)
    shell.done(answer, f"{answer['contract']}, {answer['network']}, membership {answer['membership']}")


@subscriber.command("show")
@click.argument("msisdn")
@gateway_verb
def show_subscriber(shell: Shell, msisdn: str) -> None:
    """Show what the operator knows of a number."""
    shell.show(shell.gateway().ask("GET", subscriber_path(msisdn)))


@subscriber.command("number-change")
@click.argument("msisdn")
@click.argument("new_msisdn")
@gateway_verb
def change_number(shell: Shell, msisdn: str, new_msisdn: str) -> None:
    """Give a subscription another number. Everything moves with it."""
    answer = shell.gateway().ask("POST", f"{subscriber_path(msisdn)}/number-change", {"new_msisdn": new_msisdn})
    shell.done(answer, f"{msisdn} is {answer['msisdn']} now")


@subscriber.command("port-out")
@click.argument("msisdn")
@gateway_verb
def port_out(shell: Shell, msisdn: str) -> None:
    """A number went to another operator. Bonus and cashback lapse."""
    answer = shell.gateway().ask("POST", f"{subscriber_path(msisdn)}/port-out")
    shell.done(answer, f"{msisdn} is gone, {answer['lapsed']} lapsed")


@subscriber.command("erase")
@click.argument("msisdn")
@gateway_verb
def erase(shell: Shell, msisdn: str) -> None:
    """Forget everything personal of a subscriber; sums stay."""
    answer = shell.gateway().ask("POST", f"{subscriber_path(msisdn)}/erasure")
    shell.done(answer, f"subscription {answer['subscription_id']} is anonymous now")


@click.command()
@click.argument("msisdn")
@gateway_verb
def balance(shell: Shell, msisdn: str) -> None:
    """Show main, cashback, bonus and what is pending."""
    shell.show(shell.gateway().ask("GET", f"{subscriber_path(msisdn)}/balance"))


@click.group()
def member() -> None:
    """Membership of the cashback programme."""


@member.command("join")
@click.argument("msisdn")
@click.option("--accept-terms", is_flag=True, help="The subscriber has accepted the terms.")
@click.option("--terms-version", metavar="VERSION", help="Which terms.")
@click.option("--channel", type=click.Choice(CHANNELS_IN), default="web", show_default=True)
@click.option("--adverts/--no-adverts", default=None, help="Consent to adverts.")
@click.option("--adverts-text-version", metavar="VERSION", help="Which consent text.")
@click.option("--form", type=click.Choice(["login", "full"]), help="off_net numbers need the full form.")
@click.option("--full-name")
@click.option("--birth-date", metavar="YYYY-MM-DD")
@click.option("--email")
@gateway_verb
def join(shell: Shell, msisdn: str, accept_terms: bool, **fields: Any) -> None:
    """Register a number as member."""
    body = {"msisdn": msisdn, "accept_terms": accept_terms, **given(**fields)}
    answer = shell.gateway().ask("POST", "/v1/members", body)
    shell.done(answer, f"{msisdn} is a member since {answer['joined_at']}, welcome bonus {answer['welcome_bonus']}")


@member.command("leave")
@click.argument("msisdn")
@click.option("--channel", type=click.Choice(CHANNELS_OUT), default="contact_centre", show_default=True)
@click.option("--confirm", is_flag=True, help="It is understood what lapses.")
@gateway_verb
def leave(shell: Shell, msisdn: str, channel: str, confirm: bool) -> None:
    """End a membership. What lapses is told first, and must be confirmed."""
    client = shell.gateway()
    if not confirm and shell.interactive:
        confirm = _lapse_accepted(shell, client, msisdn, channel)
    query = {"channel": channel, "confirm": "true" if confirm else None}
    answer = client.ask("DELETE", member_path(msisdn), query=query)
    shell.done(answer, f"{msisdn} has left, {answer['lapsed']} lapsed")


def _lapse_accepted(shell: Shell, client: Client, msisdn: str, channel: str) -> bool:
    """Ask the person at the terminal; where the gateway refuses for another reason the real call will say so."""
    told = client.call("DELETE", member_path(msisdn), query={"channel": channel})
    lapses = told.body.get("lapses") if told.status == CONFLICT and isinstance(told.body, dict) else None
    if lapses is None:
        return False
    what = ", ".join(f"{name} {amount}" for name, amount in lapses.items())
    shell.say(f"This lapses: {what}.")
    return click.confirm("Leave the programme?")


@member.command("show")
@click.argument("msisdn")
@gateway_verb
def show_member(shell: Shell, msisdn: str) -> None:
    """Show a membership with its terms and consent."""
    shell.show(shell.gateway().ask("GET", member_path(msisdn)))


@member.command("adverts")
@click.argument("msisdn")
@click.argument("wanted", type=click.Choice(["on", "off"]))
@gateway_verb
def adverts(shell: Shell, msisdn: str, wanted: str) -> None:
    """Turn adverts on or off; service messages go on either way."""
    answer = shell.gateway().ask("PATCH", member_path(msisdn), {"adverts": wanted == "on"})
    shell.done(answer, f"adverts {wanted} for {msisdn}")
