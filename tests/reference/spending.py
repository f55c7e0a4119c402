"""The reference ledger's spending: rules 26, 28 to 36 and 42."""

from __future__ import annotations

from datetime import datetime, timedelta

from reference.earning import Earning
from reference.records import Answer, Charge, Hold, Subscription, Voucher, refuse
from reference.rules import AHEAD_MAX


class Spending(Earning):
    """Charges, refunds, top-ups, reservations, credit on demand and vouchers."""

    def payable_by_cashback(self, sub: Subscription, kind: str) -> int:
        """How much cashback may pay of a charge of this kind now (28, 29).

        open: cashback of somebody who became corporate or off-net since: it was credited already, and
        "every charge is paid from cashback" (28).
        open: whether held cashback counts against the cap before it is drawn: it does, else two
        reservations could pass the cap together.
        """
        types = self.programme.spend_types
        if types is not None and kind not in types:
            return 0
        free = self.free_cashback(sub)
        cap = self.programme.monthly_spend_cap
        if cap is None:
            return free
        used = sub.counted.get(self.programme.month(self.now), 0) + self.held(sub, "cashback")
        return max(0, min(free, cap - used))

    def charge(
        self,
        *,
        charge_id: str,
        msisdn: str,
        type: str,  # noqa: A002  (the interface's word)
        amount: int,
        occurred_at: datetime | None = None,
    ) -> Answer:
        self.sweep()
        sub = self.find(msisdn)
        figures: Answer = {
            "msisdn": msisdn, "type": type, "amount": amount, "occurred_at": occurred_at,
        }  # fmt: skip

        def act() -> Answer:
            if occurred_at is not None and occurred_at > self.now + AHEAD_MAX:
                return refuse("INVALID")
            if sub is None:
                return refuse("UNKNOWN_SUBSCRIBER")
            return self.draw(sub, charge_id, type, amount)

        return self.once("charge", charge_id, figures, act)

    def draw(self, sub: Subscription, charge_id: str, kind: str, amount: int, *, is_fee: bool = False) -> Answer:
        """Cashback first, then main down to the limit; the rest stays unpaid (28, 30).

        open: whether the used-up SMS (36) also comes from a charge that nothing paid, or of a type
        that cashback may not pay. The rule says "the first charge", so from any that is recorded.
        open: the main part of the bill SMS when something is unpaid: what main paid.
        """
        month = self.programme.month(self.now)
        free_before = self.free_cashback(sub)
        cashback = min(amount, self.payable_by_cashback(sub, kind))
        external = self.programme.main_balance == "external"
        main = amount - cashback if external else min(amount - cashback, self.free_main(sub))
        unpaid = amount - cashback - main
        if unpaid and not self.programme.part_payment:
            if not is_fee:
                return refuse("INSUFFICIENT_FUNDS")
            cashback, main, unpaid = 0, 0, amount
        if free_before == 0 and month in sub.paid_something and month not in sub.told_used_up:
            sub.told_used_up.add(month)
            self.notify(sub, "used_up")
        self.post(sub, "charge", "cashback", "revenue", cashback)
        if not external:
            self.post(sub, "charge", "main", "revenue", main)
        if cashback:
            sub.paid_something.add(month)
            sub.counted[month] = sub.counted.get(month, 0) + cashback
        entry = Charge(charge_id=charge_id, sub=sub, month=month, cashback=cashback, main=main, unpaid=unpaid)
        self.charges.append(entry)
        if kind == "tariff_fee" and cashback:
            self.notify(sub, "bill", amount=amount, cashback=cashback, main=main)
        status = "paid" if unpaid == 0 else "part_paid" if unpaid < amount else "unpaid"
        steps = [("cashback", cashback), ("main", main)]
        return {
            "cashback": cashback, "main": main, "unpaid": unpaid, "status": status,
            "steps": [step for step in steps if step[1]],
        }  # fmt: skip

    def refund(self, *, charge_id: str, refund_id: str, amount: int) -> Answer:
        """Unpaid is lowered first, then main is restored, then cashback (32).

        open: the cap's counter. What came back was not spent: the counter of the month of the
        charge goes down with it.
        """
        self.sweep()

        def act() -> Answer:
            charge = next((c for c in self.charges if c.charge_id == charge_id), None)
            if charge is None:
                return refuse("UNKNOWN_CHARGE")
            if amount > charge.unpaid + charge.main + charge.cashback:
                return refuse("EXCEEDS_CHARGE")
            unpaid = min(amount, charge.unpaid)
            main = min(amount - unpaid, charge.main)
            cashback = amount - unpaid - main
            charge.unpaid -= unpaid
            charge.main -= main
            charge.cashback -= cashback
            if self.programme.main_balance == "internal":
                self.post(charge.sub, "refund", "revenue", "main", main)
            self.post(charge.sub, "refund", "revenue", "cashback", cashback)
            if cashback:
                charge.sub.counted[charge.month] -= cashback
            return {"unpaid": unpaid, "main": main, "cashback": cashback}

        return self.once("refund", refund_id, {"charge_id": charge_id, "amount": amount}, act)

    def topup(self, *, topup_id: str, msisdn: str, amount: int) -> Answer:
        """Adds to main and settles the oldest unpaid first, from main above 0 (30, 31).

        open: the code with an external main balance: NOT_ELIGIBLE, "the wrong switch".
        open: "all of main above 0" when part of it is held: what is held cannot be drawn (33), even
        where a credit limit would cover the hold. open: "oldest" is the one booked first.
        """
        self.sweep()
        sub = self.find(msisdn)

        def act() -> Answer:
            if sub is None:
                return refuse("UNKNOWN_SUBSCRIBER")
            if self.programme.main_balance == "external":
                return refuse("NOT_ELIGIBLE")
            self.post(sub, "topup", "cash_in", "main", amount)
            settled = []
            for charge in self.charges:
                if charge.sub is not sub:
                    continue
                part = min(charge.unpaid, max(0, sub.main - self.held(sub, "main")))
                if part:
                    charge.unpaid -= part
                    charge.main += part
                    self.post(sub, "settlement", "main", "revenue", part)
                    settled.append((charge.charge_id, part))
            return {"main": sub.main, "settled": settled}

        return self.once("topup", topup_id, {"msisdn": msisdn, "amount": amount}, act)

    def reserve(
        self,
        *,
        reservation_id: str,
        msisdn: str,
        amount: int,
        type: str = "usage",  # noqa: A002  (the interface's word)
        expires_in_s: int = 600,
    ) -> Answer:
        """Rule 33: cashback is held first, then main.

        open: a hold that is not covered: INSUFFICIENT_FUNDS whatever `part_payment` says; an
        online service is either granted or not.
        """
        self.sweep()
        sub = self.find(msisdn)
        figures: Answer = {
            "msisdn": msisdn, "amount": amount, "type": type, "expires_in_s": expires_in_s,
        }  # fmt: skip

        def act() -> Answer:
            if sub is None:
                return refuse("UNKNOWN_SUBSCRIBER")
            cashback = min(amount, self.payable_by_cashback(sub, type))
            main = amount - cashback
            is_external = self.programme.main_balance == "external"  # then the caller holds it (42)
            if not is_external and main > self.free_main(sub):
                return refuse("INSUFFICIENT_FUNDS")
            hold = Hold(
                sub=sub, kind=type, amount=amount, cashback=cashback, main=0 if is_external else main,
                expires_at=self.now + timedelta(seconds=expires_in_s),
            )  # fmt: skip
            self.holds[reservation_id] = hold
            return {
                "state": "held", "cashback": cashback, "main": main,
                "expires_at": hold.expires_at,
            }  # fmt: skip

        return self.once("reservation", reservation_id, figures, act)

    def commit(self, *, reservation_id: str, amount: int) -> Answer:
        """Draws all or part; the rest is free again.

        open: cashback that came after the hold. Main is never touched while cashback is left, at
        the moment of the draw (28), and the draw is now.
        open: a second commit: the same sum gets the same answer, another one CONFLICT.
        """
        self.sweep()
        hold = self.holds.get(reservation_id)
        if hold is None:
            return refuse("UNKNOWN_RESERVATION")
        if hold.drawn is not None:
            same = hold.drawn["amount"] == amount
            return {**hold.drawn, "hit": True} if same else refuse("CONFLICT")
        if hold.state == "expired":
            return refuse("EXPIRED")
        if hold.state != "held":
            return refuse("WRONG_STATE")
        if amount > hold.amount:
            return refuse("EXCEEDS_HOLD")
        hold.state = "committed"
        drawn = self.draw(hold.sub, f"hold:{reservation_id}", hold.kind, amount)
        self.lapse_leftover(hold.sub)
        hold.drawn = {
            "state": "committed", "amount": amount,
            "cashback": drawn["cashback"], "main": drawn["main"],
        }  # fmt: skip
        return hold.drawn

    def release(self, *, reservation_id: str) -> Answer:
        self.sweep()
        hold = self.holds.get(reservation_id)
        if hold is None:
            return refuse("UNKNOWN_RESERVATION")
        if hold.state == "expired":
            return refuse("EXPIRED")
        if hold.state == "committed":
            return refuse("WRONG_STATE")
        if hold.state == "held":
            hold.state = "released"
            self.lapse_leftover(hold.sub)
        return {"state": "released"}

    def credit(self, *, credit_id: str, msisdn: str) -> Answer:
        """Rule 26: bonus to cashback now.

        open: under investigation. Nothing is credited on the 1st then, so not on demand either;
        the block's own code says why.
        """
        self.sweep()
        sub = self.find(msisdn)

        def act() -> Answer:
            if sub is None:
                return refuse("UNKNOWN_SUBSCRIBER")
            if sub.membership != "active":
                return refuse("NOT_MEMBER")
            if not self.programme.credit_on_demand or not sub.may_hold_cashback:
                return refuse("NOT_ELIGIBLE")
            if "investigation" in sub.blocks:
                return refuse("BLOCKED_INVESTIGATION")
            return {"credited": self.credit_now(sub, None)}

        return self.once("credit", credit_id, {"msisdn": msisdn}, act)

    def voucher(self, *, voucher_id: str, msisdn: str, amount: int, handset_price: int) -> Answer:
        """Rule 35.

        open: one who left and kept cashback: a voucher is for members. open: bonus under an
        investigation: not spent by voucher, as it is not credited either (11). open: which end is meant by
        `voucher_days`: good through that day in the operator's zone.
        """
        self.sweep()
        sub = self.find(msisdn)
        figures: Answer = {
            "msisdn": msisdn, "amount": amount, "handset_price": handset_price,
        }  # fmt: skip

        def act() -> Answer:
            if sub is None:
                return refuse("UNKNOWN_SUBSCRIBER")
            if sub.membership != "active":
                return refuse("NOT_MEMBER")
            source = "cashback" if sub.may_hold_cashback else "bonus"
            if source == "bonus" and "investigation" in sub.blocks:
                return refuse("BLOCKED_INVESTIGATION")
            if amount > handset_price:
                return refuse("EXCEEDS_PRICE")
            if amount > (self.free_cashback(sub) if source == "cashback" else sub.bonus_sum):
                return refuse("INSUFFICIENT_FUNDS")
            if source == "bonus":
                self.take_bonus(sub, amount)
            self.post(sub, "voucher", source, "voucher", amount)
            last = self.programme.local_date(self.now) + timedelta(self.programme.voucher_days)
            issued = Voucher(
                sub=sub, code=voucher_id, amount=amount, source=source,
                too_late_from=self.programme.midnight(last + timedelta(days=1)),
            )  # fmt: skip
            self.vouchers[voucher_id] = issued
            self.notify(sub, "voucher", amount=amount, until=last)
            return {"amount": amount, "state": "issued", "valid_until": last}

        return self.once("voucher", voucher_id, figures, act)

    def cancel_voucher(self, *, voucher_id: str) -> Answer:
        """Goes back where it came from; cancelled twice is cancelled."""
        self.sweep()
        voucher = self.vouchers.get(voucher_id)
        if voucher is None:
            return refuse("UNKNOWN_VOUCHER")
        if voucher.state == "expired":
            return refuse("EXPIRED")
        if voucher.state == "redeemed":
            return refuse("WRONG_STATE")
        if voucher.state == "issued":
            voucher.state = "cancelled"
            self.give_back(voucher, voucher.amount)
        return {"state": "cancelled"}

    def redeem(self, *, redemption_id: str, voucher_id: str, amount: int, handset_price: int) -> Answer:
        """The till takes all or part, once; the rest goes back (the code stands for the voucher).

        open: more than the voucher holds: INSUFFICIENT_FUNDS; more than the handset costs:
        EXCEEDS_PRICE. open: the till's price needs not be the one that was asked with.
        """
        self.sweep()
        figures: Answer = {
            "voucher_id": voucher_id, "amount": amount, "handset_price": handset_price,
        }  # fmt: skip

        def act() -> Answer:
            voucher = self.vouchers.get(voucher_id)
            if voucher is None:
                return refuse("UNKNOWN_VOUCHER")
            if voucher.state == "expired":
                return refuse("EXPIRED")
            if voucher.state != "issued":
                return refuse("WRONG_STATE")
            if amount > handset_price:
                return refuse("EXCEEDS_PRICE")
            if amount > voucher.amount:
                return refuse("INSUFFICIENT_FUNDS")
            voucher.state = "redeemed"
            self.give_back(voucher, voucher.amount - amount)
            return {"amount": amount, "state": "redeemed"}

        return self.once("redemption", redemption_id, figures, act)
