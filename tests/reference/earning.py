"""The reference ledger's earning: rules 12 to 23, from the click-out to the return."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from reference.members import Members
from reference.records import Accrual, Answer, Click, Subscription, refuse
from reference.rules import AHEAD_MAX, CEILING_PERCENT, Promo, Terms


class Earning(Members):
    """Partners, clicks, orders and promotions."""

    def put_catalogue(self, *, partners: list[Terms], promos: list[Promo]) -> Answer:
        """Replaces the whole set, all or nothing (13)."""
        self.sweep()
        for position, terms in enumerate(partners):
            limit = CEILING_PERCENT[terms.category]
            if terms.percent is not None and terms.percent > limit:
                return refuse("CEILING", field=f"partners[{position}].percent", limit=limit)
        self.partners, self.promos = list(partners), list(promos)
        return {"partners": len(partners), "promos": len(promos)}

    def terms_at(self, partner: str, instant: datetime) -> Terms | None:
        """The version in force, with the percent that a running promotion raises (13).

        open: a promotion's percent at a partner with a fixed sum: the two cannot be compared, the
        fixed sum stays. open: a promotion below the partner's own percent: the better one counts.
        """
        versions = [
            t for t in self.partners if t.code == partner and (t.valid_from is None or t.valid_from <= instant)
        ]
        if not versions:
            return None
        start = [t.valid_from for t in versions if t.valid_from is not None]
        best = next(t for t in versions if t.valid_from == (max(start) if start else None))
        if best.percent is None:
            return best
        percent = best.percent
        for promo in self.promos:
            if promo.partner == partner and promo.percent is not None and promo.runs_at(instant):
                raised = promo.percent
                if not promo.uncapped:
                    raised = min(raised, CEILING_PERCENT[best.category])
                percent = max(percent, raised)
        return replace(best, percent=percent)

    def click(self, *, click_id: str, msisdn: str, partner: str, clicked_at: datetime | None = None) -> Answer:
        """The promise (12). Anybody's number is answered.

        open: a click of a number that is nobody's yet: it is made for no member, then or later.
        """
        self.sweep()
        at = self.now if clicked_at is None else clicked_at
        if at > self.now + AHEAD_MAX:
            return refuse("INVALID")
        terms = self.terms_at(partner, at)
        if terms is None:
            return refuse("UNKNOWN_PARTNER")
        until = at + timedelta(minutes=self.programme.click_valid_minutes)
        self.clicks[click_id] = Click(
            sub=self.find(msisdn), partner=partner, clicked_at=at, valid_until=until, terms=terms
        )
        return {
            "percent": terms.percent,
            "fixed": terms.fixed,
            "min_purchase": terms.min_purchase,
            "valid_until": until,
        }

    def order(self, partner: str, order_id: str) -> Accrual | None:
        return next((a for a in self.accruals if (a.source, a.ref) == (partner, order_id) and a.paid), None)

    def paid(
        self,
        *,
        partner: str,
        order_id: str,
        click_id: str | None,
        goods: int,
        delivery: int = 0,
        channel: str = "web",
        paid_at: datetime | None = None,
    ) -> Answer:
        """An order is recorded, whatever its fate; the first failing check names it.

        open: a click made in time at a partner that was left out since: "takes no new orders".
        """
        self.sweep()
        at = self.now if paid_at is None else paid_at
        if at > self.now + AHEAD_MAX:
            return refuse("INVALID")
        figures: Answer = {
            "click_id": click_id, "goods": goods, "delivery": delivery, "channel": channel,
            "paid_at": paid_at,
        }  # fmt: skip
        known = self.order(partner, order_id)
        if known is not None:
            before = known.paid
            same = all(before[k] == figures[k] for k in ("click_id", "goods", "delivery", "channel"))
            if paid_at is not None and before["paid_at"] is not None:
                same = same and paid_at == before["paid_at"]
            return self._order_answer(known) if same else refuse("CONFLICT")
        running = self.terms_at(partner, self.now)
        if running is None:
            return refuse("UNKNOWN_PARTNER")
        click = self.clicks.get(click_id or "")
        if click is not None and not (
            click.partner == partner and click.sub is not None and click.clicked_at <= at <= click.valid_until
        ):
            click = None
        accrual = Accrual(
            source=partner, name=running.name, ref=order_id, sub=None, goods=goods,
            paid=figures, paid_at=at,
        )  # fmt: skip
        self.accruals.append(accrual)
        if click is None:
            return self._reject(accrual, "NO_CLICK")
        accrual.sub = click.sub
        accrual.terms = click.terms
        if self.programme.rate_at == "payment":
            accrual.terms = self.terms_at(partner, at) or click.terms
        assert accrual.sub is not None
        accrual.name = accrual.terms.name
        reason = self._first_failing_check(accrual, accrual.sub, channel)
        if reason is not None:
            return self._reject(accrual, reason)
        accrual.reward = accrual.terms.reward(self.programme, goods)
        accrual.too_late_from = self.programme.too_late_from(at, accrual.terms.confirm_days)
        self.sweep()
        return self._order_answer(accrual)

    def _first_failing_check(self, accrual: Accrual, sub: Subscription, channel: str) -> str | None:
        """After the click: membership, channel, minimum purchase, minimum reward.

        open: paid as a member, told of only after leaving: LEFT, as if it had been told in time.
        Paid in an earlier membership, told of in a later one: earlier purchases never count (4).
        """
        assert accrual.terms is not None
        assert accrual.paid_at is not None
        if sub.joined_at is None or accrual.paid_at < sub.joined_at:
            return "NOT_MEMBER_AT_PURCHASE"
        if sub.membership == "left":
            assert sub.left_at is not None
            return "LEFT" if accrual.paid_at <= sub.left_at else "NOT_MEMBER_AT_PURCHASE"
        if channel != "web" and not accrual.terms.app_allowed:
            return "CHANNEL"
        return self._too_small(accrual)

    def _too_small(self, accrual: Accrual) -> str | None:
        assert accrual.terms is not None
        kept = accrual.goods - accrual.returned
        if kept < accrual.terms.min_purchase:
            return "BELOW_MIN_PURCHASE"
        return "BELOW_MIN" if accrual.terms.reward(self.programme, kept) == 0 else None

    def _reject(self, accrual: Accrual, reason: str) -> Answer:
        accrual.state, accrual.reason, accrual.reward = "rejected", reason, 0
        return self._order_answer(accrual)

    def _order_answer(self, accrual: Accrual) -> Answer:
        """The order as it stands.

        open: whether a repeat gets the first answer or the present state. "The same answer" as long
        as nothing else happened; afterwards a stale one would be wrong.
        open: `reward` of a rejected, expired or returned order. What was to be had is told for
        REJECTED_BY_SHOP, LEFT, LATE; nothing for an order that never had a reward or was returned.
        """
        spendable = None
        if accrual.accrued_at is not None and accrual.sub and accrual.sub.may_hold_cashback:
            spendable = self.programme.next_first(accrual.accrued_at)
        return {
            "order_id": accrual.ref,
            "state": accrual.state,
            "reason": accrual.reason,
            "reward": accrual.reward,
            "spendable_from": spendable if accrual.state == "accrued" else None,
        }

    def confirmed(self, *, partner: str, order_id: str, goods: int | None = None) -> Answer:
        """Rules 20 to 22: accrues what is still pending and in time."""
        self.sweep()
        accrual = self.order(partner, order_id)
        if accrual is None:
            return refuse("UNKNOWN_ORDER")
        if accrual.state in ("rejected", "expired"):
            return self._order_answer(accrual)
        if accrual.state != "pending":
            if goods is not None and goods != accrual.goods:
                return refuse("CONFLICT")
            return self._order_answer(accrual)
        if goods is not None:
            self._recompute(accrual, goods)
        if accrual.state == "pending":
            self._accrue(accrual, "accrual")
        return self._order_answer(accrual)

    def _recompute(self, accrual: Accrual, goods: int) -> None:
        """Amended while pending (21); an amendment to too little is an end, without SMS."""
        assert accrual.terms is not None
        accrual.goods = goods
        reason = self._too_small(accrual)
        if reason is not None:
            self._reject(accrual, reason)
        else:
            kept = goods - accrual.returned
            accrual.reward = accrual.terms.reward(self.programme, kept)

    def _accrue(self, accrual: Accrual, kind: str) -> None:
        """Programme expense to bonus; a carry-over is netted first (23).

        open: what the SMS names when something is netted. What comes is what can be spent, so the
        net sum; when nothing comes there is nothing to announce.
        """
        sub = accrual.sub
        assert sub is not None
        netted = min(sub.carry_over, accrual.reward)
        sub.carry_over -= netted
        comes = accrual.reward - netted
        accrual.state, accrual.reason, accrual.accrued_at = "accrued", None, self.now
        self.post(sub, kind, "programme_expense", "bonus", comes)
        self.add_bonus(sub, comes, accrual)
        if comes:
            spendable = self.programme.next_first(self.now) if sub.may_hold_cashback else None
            self.notify(sub, "accrued", amount=comes, partner=accrual.name, spendable=spendable)

    def rejected(self, *, partner: str, order_id: str) -> Answer:
        """The shop's own refusal (21).

        open: a rejection after the confirmation. The shop has a word for that, `returned`; this
        contradicts what it said, so CONFLICT. On an order that is over already: its state.
        """
        self.sweep()
        accrual = self.order(partner, order_id)
        if accrual is None:
            return refuse("UNKNOWN_ORDER")
        if accrual.state == "pending":
            accrual.state, accrual.reason = "rejected", "REJECTED_BY_SHOP"
            assert accrual.sub is not None
            self.notify(accrual.sub, "rejected", amount=accrual.reward, partner=accrual.name)
        elif accrual.state in ("accrued", "credited"):
            return refuse("CONFLICT")
        return self._order_answer(accrual)

    def amended(self, *, partner: str, order_id: str, goods: int) -> Answer:
        self.sweep()
        accrual = self.order(partner, order_id)
        if accrual is None:
            return refuse("UNKNOWN_ORDER")
        if accrual.state == "pending":
            self._recompute(accrual, goods)
        elif accrual.state not in ("rejected", "expired") and goods != accrual.goods:
            return refuse("CONFLICT")
        return self._order_answer(accrual)

    def returned(self, *, partner: str, order_id: str, returned_goods: int | None = None) -> Answer:
        """Rule 23; `returned_goods` is the running total.

        open: a total above the goods: INVALID. A total that shrinks is an older message: no effect.
        open: a partial return while pending that leaves too little: RETURNED is what happened.
        """
        self.sweep()
        accrual = self.order(partner, order_id)
        if accrual is None:
            return refuse("UNKNOWN_ORDER")
        if accrual.state in ("rejected", "expired", "reversed", "lapsed"):
            return self._order_answer(accrual)
        total = accrual.goods if returned_goods is None else returned_goods
        if total > accrual.goods:
            return refuse("INVALID")
        if total <= accrual.returned:
            return self._order_answer(accrual)
        if accrual.state == "credited" and self.programme.returns_after_credit == "keep":
            return self._order_answer(accrual)
        accrual.returned = total
        assert accrual.terms is not None
        before = accrual.reward
        accrual.reward = accrual.terms.reward(self.programme, accrual.goods - total)
        if accrual.state == "pending":
            if accrual.reward == 0:
                self._reject(accrual, "RETURNED")
            return self._order_answer(accrual)
        self._take_back(accrual, before - accrual.reward)
        if accrual.reward == 0:
            accrual.state, accrual.reason = "reversed", "RETURNED"
        return self._order_answer(accrual)

    def _take_back(self, accrual: Accrual, amount: int) -> None:
        """From bonus, then from cashback, then a carry-over; main is never touched (23).

        open: held cashback. Nothing else may draw it (33), so it is not clawed.
        open: what the SMS names. The reward is smaller by the whole sum, wherever it is taken.
        """
        sub = accrual.sub
        assert sub is not None
        if amount <= 0:
            return
        from_bonus = self.take_bonus(sub, amount, first=accrual)
        self.post(sub, "reversal", "bonus", "programme_expense", from_bonus)
        from_cashback = min(amount - from_bonus, self.free_cashback(sub))
        self.post(sub, "reversal", "cashback", "programme_expense", from_cashback)
        sub.carry_over += amount - from_bonus - from_cashback
        self.notify(sub, "reversed", amount=amount, partner=accrual.name)

    def override(self, *, partner: str, order_id: str) -> Answer:
        """An operator lets a late order through (20).

        open: anything but an expired order of a present member, paid in this membership:
        WRONG_STATE. A second override is one of those.
        """
        self.sweep()
        accrual = self.order(partner, order_id)
        if accrual is None:
            return refuse("UNKNOWN_ORDER")
        sub = accrual.sub
        if accrual.state != "expired" or sub is None or sub.membership != "active":
            return refuse("WRONG_STATE")
        assert accrual.paid_at is not None
        assert sub.joined_at is not None
        if accrual.paid_at < sub.joined_at:
            return refuse("WRONG_STATE")
        self._accrue(accrual, "accrual")
        return self._order_answer(accrual)

    def promo_credit(self, *, promo: str, action_id: str, msisdn: str, amount: int) -> Answer:
        """Rule 19: a given sum once per (promo, action id), at once as accrued.

        open: the same action id in two promotions. Rule 19 keys on the pair, the outer contract
        says "promo action" ids are unique over the system; the contract binds first.
        open: a promotion that does not run now: as good as unknown. open: a sum other than the
        promotion's own: INVALID.
        """
        self.sweep()
        sub = self.find(msisdn)
        figures: Answer = {"promo": promo, "sid": sub and sub.sid, "amount": amount}

        def act() -> Answer:
            running = next((p for p in self.promos if p.code == promo), None)
            if running is None or not running.runs_at(self.now):
                return refuse("UNKNOWN_PROMO")
            if sub is None:
                return refuse("UNKNOWN_SUBSCRIBER")
            if running.amount is not None and amount != running.amount:
                return refuse("INVALID")
            if sub.membership != "active":
                return refuse("NOT_MEMBER")
            accrual = Accrual(source=promo, name=running.name, ref=action_id, sub=sub, reward=amount)
            self.accruals.append(accrual)
            self._accrue(accrual, "promo")
            return {"action_id": action_id, "state": "accrued", "amount": amount}

        return self.once("promo_action", action_id, figures, act)
