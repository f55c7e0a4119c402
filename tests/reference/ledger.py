"""A small, plain, slow ledger of the whole programme, in memory: what the real one must equal.

Written from the rules alone, before its author had seen the product's code, in the words of the
outer contract. A refusal is `{"code": …}`; everything else is an answer's figures. Postings and
notices are kept per subscription, in order. Where the texts leave a case open the choice stands
in a comment that begins with "open:".
"""

from __future__ import annotations

from datetime import datetime

from reference.records import Answer, refuse
from reference.spending import Spending


class Ledger(Spending):
    """The programme with its clock and its month."""

    def advance(self, to: datetime, *, month_jobs: bool = True) -> Answer:
        """The clock goes on; what falls due happens in the order of its instants.

        `month_jobs=False` is a system that was down on the 1st: run `month` afterwards.
        open: a hold or voucher that ends at the very first instant of a month: it is over before
        the job draws the fee; the credit, due at the same instant, is posted before what it frees.
        """
        if to < self.now:
            return refuse("CONFLICT")
        late = self.programme.local_date(self.now).replace(day=1)
        if month_jobs and late > self.installed:
            self.month(late.strftime("%Y-%m"))
        while True:
            first = self.programme.next_first(self.now)
            instant = self.programme.midnight(first)
            if instant > to:
                break
            self._expire_until(instant)
            self.now = instant
            self.sweep()
            if month_jobs:
                self.month(first.strftime("%Y-%m"))
        self._expire_until(to)
        self.now = to
        self.sweep()
        return {"now": to}

    def _expire_until(self, to: datetime) -> None:
        """Each thing ends at its own instant, so that postings keep the order of time."""
        ends = [h.expires_at for h in self.holds.values() if h.state == "held"]
        ends += [v.too_late_from for v in self.vouchers.values() if v.state == "issued"]
        for instant in sorted(end for end in ends if self.now < end <= to):
            self.now = instant
            self.sweep()

    def month(self, period: str) -> Answer:
        """Expire, credit everybody, then draw everybody's fee (24, 25, 27).

        open: `final` or other blocks and the fee: the rules name none, so it is drawn. Off-net, or
        without a number: the fee is another operator's. open: a fee that cannot be paid with part
        payment off: nothing is posted, all of it stays unpaid.
        """
        first = datetime.strptime(f"{period}-01", "%Y-%m-%d").date()  # noqa: DTZ007  (a day)
        instant = self.programme.midnight(first)
        if instant > self.now:
            return refuse("NOT_DUE")
        self.sweep()
        charged = 0
        if self.programme.main_balance == "external":
            return {"charged": 0}
        for sub in self.subscriptions:
            fee = self.tariffs.get(sub.tariff or "", 0)
            if (sub.sid, period) in self.charged_periods or sub.since >= instant:
                continue
            self.charged_periods.add((sub.sid, period))
            if fee and sub.network == "on_net" and sub.msisdn is not None:
                self.draw(sub, f"fee:{period}:{sub.sid}", "tariff_fee", fee, is_fee=True)
                charged += fee
        return {"charged": charged}
