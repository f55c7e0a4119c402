"""The reference ledger's earning: rules 12 to 23, from the click-out to the return."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from reference.members import Members
from reference.records import Accrual, Answer, Click, refuse
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
            here = promo.partner in (None, partner)
            if here and promo.percent is not None and promo.runs_at(instant):
                raised = promo.percent
                if not promo.uncapped:
                    raised = min(raised, CEILING_PERCENT[best.category])
                percent = max(percent, raised)
        return replace(best, percent=percent)

    def click(self, *, click_id: str, msisdn: str, partner: str, clicked_at: datetime | None = None) -> Answer:
        """The promise (12). Anybody's number is answered.

        open: a click of a number that is nobody's yet: it counts for who has the number when paying.
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
            sub=self.find(msisdn), msisdn=msisdn, partner=partner,
            clicked_at=at, valid_until=until, terms=terms,
        )  # fmt: skip
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
        open: which terms besides the promise count (channel, confirmation days) when the catalogue
        was replaced after the click: those the running one has for that instant.
        """
        self.sweep()
        at = self.now if paid_at is None else paid_at
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
            return known.answers["paid"] if same else refuse("CONFLICT")
        if at > self.now + AHEAD_MAX:
            return refuse("INVALID")
        click = self.clicks.get(click_id or "")
        if click is not None and click.partner != partner:
            click = None
        good = click is not None and click.clicked_at <= at <= click.valid_until
        instants = [at, self.now]
        if click is not None and good and self.programme.rate_at == "click":
            instants.insert(0, click.clicked_at)
        terms = next((t for t in (self.terms_at(partner, i) for i in instants) if t), None)
        if terms is None:
            return refuse("UNKNOWN_PARTNER")
        if click is not None and good and self.programme.rate_at == "click":
            promised = click.terms
            terms = replace(
                terms, percent=promised.percent, fixed=promised.fixed,
                min_purchase=promised.min_purchase,
            )  # fmt: skip
        accrual = Accrual(
            source=partner, name=terms.name, ref=order_id, goods=goods, terms=terms,
            sub=None if click is None else click.sub or self.find(click.msisdn),
            paid=figures, paid_at=at,
        )  # fmt: skip
        self.accruals.append(accrual)
        reason = "NO_CLICK" if not good else self._first_failing_check(accrual, channel)
        if reason is not None:
            self._reject(accrual, reason)
        else:
            accrual.reward = terms.reward(self.programme, goods)
            accrual.too_late_from = self.programme.too_late_from(at, terms.confirm_days)
            self.sweep()
        accrual.answers["paid"] = self._order_answer(accrual)
        return accrual.answers["paid"]

    def _first_failing_check(self, accrual: Accrual, channel: str) -> str | None:
        """After the click: membership, channel, minimum purchase, minimum reward.

        open: paid as a member, told of only after leaving: LEFT, as if it had been told in time.
        Paid in an earlier membership, told of in a later one: earlier purchases never count (4).
        """
        sub, at = accrual.sub, accrual.paid_at
        assert accrual.terms is not None
        assert at is not None
        if sub is None or sub.joined_at is None or at < sub.joined_at:
            return "NOT_MEMBER_AT_PURCHASE"
        if sub.membership == "left" and sub.left_at is not None and at > sub.left_at:
            return "NOT_MEMBER_AT_PURCHASE"
        if channel != "web" and not accrual.terms.app_allowed:
            return "CHANNEL"
        return self._too_small(accrual) or ("LEFT" if sub.membership == "left" else None)

    def _too_small(self, accrual: Accrual) -> str | None:
        assert accrual.terms is not None
        kept = max(0, accrual.goods - accrual.returned)
        if kept < accrual.terms.min_purchase:
            return "BELOW_MIN_PURCHASE"
        return "BELOW_MIN" if accrual.terms.reward(self.programme, kept) == 0 else None

    def _reject(self, accrual: Accrual, reason: str) -> Answer:
        accrual.state, accrual.reason, accrual.reward = "rejected", reason, 0
        return self._order_answer(accrual)

    def _order_answer(self, accrual: Accrual) -> Answer:
        """The order as it stands.

        open: `reward` of a rejected, expired, lapsed or returned order: what it stands for now, 0.
        open: when an accrued reward that an investigation held can be spent: from the next 1st.
        """
        spendable = None
        if accrual.accrued_at is not None and accrual.sub and accrual.sub.may_hold_cashback:
            spendable = self.programme.next_first(accrual.accrued_at)
            if self.programme.midnight(spendable) <= self.now:
                spendable = self.programme.next_first(self.now)
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
        if accrual.confirmed_goods is not None:
            if goods is not None and goods != accrual.confirmed_goods:
                return refuse("CONFLICT")
            return accrual.answers.get("confirmed") or self._order_answer(accrual)
        if accrual.state == "pending" and goods is not None:
            self._recompute(accrual, goods)
        if accrual.state != "pending":
            return self._order_answer(accrual)
        self._accrue(accrual, "accrual")
        accrual.answers["confirmed"] = self._order_answer(accrual)
        return accrual.answers["confirmed"]

    def _recompute(self, accrual: Accrual, goods: int) -> None:
        """Amended while pending (21); an amendment to too little is an end, without SMS."""
        assert accrual.terms is not None
        accrual.goods = goods
        kept = max(0, goods - accrual.returned)
        reason = self._too_small(accrual)
        if reason is not None:
            self._reject(accrual, reason if kept else "RETURNED")
        else:
            accrual.reward = accrual.terms.reward(self.programme, kept)

    def _accrue(self, accrual: Accrual, kind: str) -> None:
        """Programme expense to bonus, one SMS (21); then a carry-over is netted (23).

        open: what the SMS names when something is netted: the reward, which is what was posted (21).
        """
        sub = accrual.sub
        assert sub is not None
        accrual.state, accrual.accrued_at = "accrued", self.now
        accrual.confirmed_goods = accrual.goods
        self.post(sub, kind, "programme_expense", "bonus", accrual.reward)
        self.add_bonus(sub, accrual.reward, accrual)
        netted = min(sub.carry_over, accrual.reward)
        sub.carry_over -= netted
        self.take_bonus(sub, netted, first=accrual)
        self.post(sub, "reversal", "bonus", "programme_expense", netted)
        spendable = self.programme.next_first(self.now) if sub.may_hold_cashback else None
        self.notify(sub, "accrued", amount=accrual.reward, partner=accrual.name, spendable=spendable)

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
            assert accrual.sub is not None
            self.notify(accrual.sub, "rejected", amount=accrual.reward, partner=accrual.name)
            self._reject(accrual, "REJECTED_BY_SHOP")
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
        elif accrual.confirmed_goods is not None and goods != accrual.goods:
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
        """From bonus, once credited then from cashback, then a carry-over; never from main (23).

        open: held cashback. Nothing else may draw it (33), so it is not clawed.
        open: what the SMS names. The reward is smaller by the whole sum, wherever it is taken.
        """
        sub = accrual.sub
        assert sub is not None
        if amount <= 0:
            return
        from_bonus = self.take_bonus(sub, amount, first=accrual)
        self.post(sub, "reversal", "bonus", "programme_expense", from_bonus)
        from_cashback = 0
        if accrual.state == "credited":
            from_cashback = min(amount - from_bonus, self.free_cashback(sub))
        self.post(sub, "reversal", "cashback", "programme_expense", from_cashback)
        sub.carry_over += amount - from_bonus - from_cashback
        self.notify(sub, "reversed", amount=amount, partner=accrual.name)

    def override(self, *, partner: str, order_id: str, reason: str = "care") -> Answer:
        """An operator lets an order through (20).

        open: whether only a late one: any expired or rejected one of a present member that earns
        something. open: the same override again: nothing more happens.
        """
        self.sweep()
        accrual = self.order(partner, order_id)
        if accrual is None:
            return refuse("UNKNOWN_ORDER")
        if accrual.overridden == reason:
            return self._order_answer(accrual)
        sub = accrual.sub
        if accrual.state not in ("expired", "rejected") or sub is None:
            return refuse("WRONG_STATE")
        if sub.membership != "active":
            return refuse("NOT_MEMBER")
        assert accrual.terms is not None
        earns = accrual.terms.reward(self.programme, accrual.goods - accrual.returned)
        if not earns:
            return refuse("WRONG_STATE")
        accrual.reward, accrual.reason, accrual.overridden = earns, "OVERRIDDEN", reason
        self._accrue(accrual, "accrual")
        return self._order_answer(accrual)

    def promo_credit(self, *, promo: str, action_id: str, msisdn: str, amount: int) -> Answer:
        """Rule 19: a given sum once per (promo, action id), at once as accrued.

        open: the same action id in two promotions: two ids, as rule 19 keys on the pair.
        open: a promotion that does not run now: as good as unknown. open: a sum other than the
        promotion's own: INVALID.
        """
        self.sweep()
        sub = self.find(msisdn)
        figures: Answer = {"msisdn": msisdn, "amount": amount}

        def act() -> Answer:
            running = next((p for p in self.promos if p.code == promo), None)
            if running is None or running.percent is not None or not running.runs_at(self.now):
                return refuse("UNKNOWN_PROMO")
            if sub is None:
                return refuse("UNKNOWN_SUBSCRIBER")
            if sub.membership != "active":
                return refuse("NOT_MEMBER")
            if running.amount is not None and amount != running.amount:
                return refuse("INVALID")
            accrual = Accrual(source=promo, name=running.name, ref=action_id, sub=sub, reward=amount)
            self.accruals.append(accrual)
            self._accrue(accrual, "promo")
            return {"action_id": action_id, "state": "accrued", "amount": amount}

        return self.once("promo_action", f"{promo}:{action_id}", figures, act)
