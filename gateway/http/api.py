"""All calls put together: from the ports of the program to the router the door listens with."""

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway.http.accruals import Accruals
from gateway.http.adverts import Adverts
from gateway.http.auth import Keys
from gateway.http.batch import ChargesBatch
from gateway.http.bill_explanation import BillExplanations, Explaining
from gateway.http.bill_lines import BillLines, BulkDrawing
from gateway.http.care import Care
from gateway.http.catalogue import CatalogueCalls
from gateway.http.charges import Charges
from gateway.http.ledger import Journal, LedgerCalls
from gateway.http.links import LinkCalls
from gateway.http.members import Members
from gateway.http.openapi import OpenApi
from gateway.http.operations import OperationsCalls
from gateway.http.orders import Orders
from gateway.http.outbox import OutboxCalls
from gateway.http.pages import Pages
from gateway.http.ports import (
    Advertising,
    Directory,
    Erasing,
    Ledger,
    LinkControl,
    ManualClockDoor,
    Months,
    Operations,
    Outbox,
    Reads,
)
from gateway.http.reservations import Reservations
from gateway.http.routing import Route, Router
from gateway.http.spending import Spending
from gateway.http.subscribers import Subscribers


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What the calls are made of. `wall` gives Unix seconds.

    `postback_rejected(reason)` counts; `order_conflicted(partner, order_id)` raises an alarm.
    """

    ledger: Ledger
    bulk: BulkDrawing
    explaining: Explaining
    erasing: Erasing
    advertising: Advertising
    reads: Reads
    directory: Directory
    months: Months
    clock: ManualClockDoor
    operations: Operations
    outbox: Outbox
    links: LinkControl
    journal: Journal
    keys: Keys
    wall: Callable[[], float]
    postback_rejected: Callable[[str], None]
    order_conflicted: Callable[[str, str], None]
    zone: ZoneInfo
    currency: str
    owns_main: bool
    terms_version: str
    version: str


def build_router(parts: ApiParts) -> Router:
    """The router of the whole contract."""
    ledger, reads, directory, zone = parts.ledger, parts.reads, parts.directory, parts.zone
    pages = Pages(parts.keys, parts.wall)
    openapi = OpenApi(parts.version)
    routes: list[Route] = [
        *Subscribers(ledger, reads, directory, parts.erasing).routes(),
        *Members(ledger, reads, zone, parts.terms_version).routes(),
        *Adverts(parts.advertising).routes(),
        *CatalogueCalls(directory, zone).routes(),
        *Orders(
            ledger,
            directory,
            zone=zone,
            wall=parts.wall,
            rejected=parts.postback_rejected,
            conflicted=parts.order_conflicted,
        ).routes(),
        *Accruals(reads, zone).routes(),
        *Charges(ledger, reads, zone).routes(),
        *ChargesBatch(ledger, zone).routes(),
        *BillLines(parts.bulk).routes(),
        *BillExplanations(parts.explaining, zone).routes(),
        *Reservations(ledger, reads, zone).routes(),
        *Spending(ledger, reads, zone).routes(),
        *Care(reads, zone, currency=parts.currency, owns_main=parts.owns_main).routes(),
        *OperationsCalls(parts.operations, parts.months, parts.clock, zone).routes(),
        *OutboxCalls(parts.outbox, zone).routes(),
        *LinkCalls(parts.links, zone).routes(),
        *LedgerCalls(parts.journal, zone).routes(),
        *pages.routes(),
        *openapi.routes(),
    ]
    openapi.describe(routes)
    pages.describe(routes)
    return Router(routes)
