"""The reference ledger's subscribers and members: rules 1 to 11, and the balance."""

from __future__ import annotations

from typing import Any

from reference.records import MEMBERSHIP_BLOCKS, Answer, Records, Subscription, refuse


class Members(Records):
    """Who is a subscriber, who is a member, and what leaving costs."""

    def put_tariff(self, *, code: str, fee: int) -> Answer:
        self.tariffs[code] = fee
        return {"fee": fee}

    def put_subscriber(self, *, msisdn: str, **fields: Any) -> Answer:
        """Omitted fields keep their value; a block that appears has its consequence (11).

        open: blocks set and lifted together: what an investigation held is released first; `final`
        comes before `mnp`, then there is no member left to warn. open: a warning of nothing: the
        rule says one SMS, so it is sent.
        open: a credit limit lowered below the debt: WRONG_STATE, main never stands below its limit.
        """
        self.sweep()
        if fields.get("tariff") is not None and fields["tariff"] not in self.tariffs:
            return refuse("UNKNOWN_TARIFF")
        sub = self.find(msisdn)
        if sub is None:
            sub = Subscription(sid=len(self.subscriptions) + 1, msisdn=msisdn, since=self.now)
            self.subscriptions.append(sub)
        limit = fields.get("credit_limit")
        if limit is not None and sub.main - self.held(sub, "main") < -limit:
            return refuse("WRONG_STATE")
        before = sub.blocks
        for name, value in fields.items():
            setattr(sub, name, frozenset(value) if name == "blocks" else value)
        new, gone = sub.blocks - before, before - sub.blocks
        if sub.membership == "active":
            if "investigation" in gone and self.programme.held_release == "at_once":
                self._release_held(sub)
            if "final" in new:
                self._end(sub, cashback_lapses=self.programme.leave_credited == "lapse", sms=True)
            elif "mnp" in new:
                self.notify(sub, "port_out", amount=sub.cashback + sub.bonus_sum)
        return self.subscriber(sub)

    def _release_held(self, sub: Subscription) -> None:
        """What a 1st did not credit is credited at once; what accrued since waits for the next.

        open: whether the whole bonus is released. A 1st missed only what was there then.
        """
        if sub.missed_first is not None and sub.may_hold_cashback:
            self.credit_now(sub, sub.missed_first)

    def subscriber(self, sub: Subscription) -> Answer:
        return {
            "msisdn": sub.msisdn,
            "contract": sub.contract,
            "network": sub.network,
            "tariff": sub.tariff,
            "blocks": sub.blocks,
            "credit_limit": sub.credit_limit,
            "membership": sub.membership,
        }

    def join(
        self,
        *,
        msisdn: str,
        accept_terms: bool = True,
        adverts: bool = False,
        form: str = "login",
    ) -> Answer:
        """Rules 1 to 7.

        open: which refusal comes first when several stand. Here: already a member, terms, blocks
        in the order of the rule, the form. open: the code when off-net registration is switched
        off: NOT_ELIGIBLE, "the wrong contract or switch".
        """
        self.sweep()
        sub = self.find(msisdn)
        if sub is None:
            return refuse("UNKNOWN_SUBSCRIBER")
        if sub.membership == "active":
            return refuse("ALREADY_MEMBER")
        if not accept_terms:
            return refuse("TERMS_REQUIRED")
        for block in MEMBERSHIP_BLOCKS:
            if block in sub.blocks:
                return refuse(f"BLOCKED_{block.upper()}")
        if sub.network == "off_net":
            if not self.programme.offnet_registration:
                return refuse("NOT_ELIGIBLE")
            if form != "full":
                return refuse("FULL_FORM_REQUIRED")
        sub.membership, sub.joined_at, sub.adverts = "active", self.now, adverts
        sub.left_at = None
        welcome = 0 if sub.welcomed else self.programme.welcome_bonus
        sub.welcomed = True
        self.post(sub, "welcome", "programme_expense", "bonus", welcome)
        self.add_bonus(sub, welcome, None)
        self.notify(sub, "registered", amount=welcome)
        return {"membership": "active", "joined_at": self.now, "welcome_bonus": welcome}

    def leave(self, *, msisdn: str, confirm: bool = False) -> Answer:
        """Rule 8: told first, then done."""
        self.sweep()
        sub = self.find(msisdn)
        if sub is None:
            return refuse("UNKNOWN_SUBSCRIBER")
        if sub.membership != "active":
            return refuse("NOT_MEMBER")
        lapse_cashback = self.programme.leave_credited == "lapse"
        if not confirm:
            return refuse(
                "CONFIRM_LAPSE",
                bonus=sub.bonus_sum,
                pending=self.pending(sub),
                cashback=self.free_cashback(sub) if lapse_cashback else 0,
            )
        return {"lapsed": self._end(sub, cashback_lapses=lapse_cashback, sms=True)}

    def pending(self, sub: Subscription) -> int:
        return sum(a.reward for a in self.accruals if a.sub is sub and a.state == "pending")

    def _end(self, sub: Subscription, *, cashback_lapses: bool, sms: bool) -> int:
        """The membership ends; says what lapsed.

        open: cashback that is held when it should lapse. A hold cannot be drawn by anything else
        (33), so the held part stays and is spendable if it is released.
        open: the state of a credited accrual whose cashback lapses: cashback does not know where
        it came from, so the accrual stays credited.
        """
        bonus = self.take_bonus(sub, sub.bonus_sum)
        self.post(sub, "lapse", "bonus", "lapsed", bonus)
        cashback = self.free_cashback(sub) if cashback_lapses else 0
        self.post(sub, "lapse", "cashback", "lapsed", cashback)
        for accrual in self.accruals:
            if accrual.sub is sub and accrual.state == "pending":
                accrual.state, accrual.reason, accrual.reward = "rejected", "LEFT", 0
            elif accrual.sub is sub and accrual.state == "accrued":
                accrual.state, accrual.reason, accrual.reward = "lapsed", "LEFT", 0
        sub.membership, sub.left_at, sub.adverts = "left", self.now, False
        sub.missed_first = None
        if sms:
            self.notify(sub, "left", amount=bonus + cashback)
        return bonus + cashback

    def patch_adverts(self, *, msisdn: str, adverts: bool) -> Answer:
        self.sweep()
        sub = self.find(msisdn)
        if sub is None:
            return refuse("UNKNOWN_SUBSCRIBER")
        if sub.membership != "active":
            return refuse("NOT_MEMBER")
        sub.adverts = adverts
        return {"adverts": adverts}

    def number_change(self, *, msisdn: str, new_msisdn: str) -> Answer:
        """Rule 10: everything moves with the subscription.

        open: the code when somebody else has the new number: CONFLICT, "another number".
        open: the same number again: nothing to do.
        """
        self.sweep()
        sub = self.find(msisdn)
        if sub is None:
            return refuse("UNKNOWN_SUBSCRIBER")
        if self.find(new_msisdn) not in (None, sub):
            return refuse("CONFLICT")
        sub.msisdn = new_msisdn
        return self.subscriber(sub)

    def port_out(self, *, msisdn: str) -> Answer:
        """Rule 11: `left`, both lapse.

        open: whether an SMS tells so. None is named, and the number is another operator's now.
        open: one who left before and kept cashback: it lapses now. One who never joined stays so.
        open: whose number it is afterwards: nobody's here; who brings it back is a new subscription.
        """
        self.sweep()
        sub = self.find(msisdn)
        if sub is None:
            return refuse("UNKNOWN_SUBSCRIBER")
        lapsed = 0
        if sub.membership == "active":
            lapsed = self._end(sub, cashback_lapses=True, sms=False)
        elif sub.membership == "left":
            lapsed = self.free_cashback(sub)
            self.post(sub, "lapse", "cashback", "lapsed", lapsed)
        sub.msisdn = None
        sub.blocks -= {"mnp"}
        return {"lapsed": lapsed}

    def erasure(self, *, msisdn: str) -> Answer:
        """Personal data gone, sums unchanged.

        open: what becomes of a member who is erased. The membership ends without a posting or an
        SMS, what was pending is rejected, and the number is free for a new subscription.
        """
        self.sweep()
        sub = self.find(msisdn)
        if sub is None:
            return refuse("UNKNOWN_SUBSCRIBER")
        if sub.membership != "none":
            sub.membership, sub.left_at, sub.adverts = "left", sub.left_at or self.now, False
        for accrual in self.accruals:
            if accrual.sub is sub and accrual.state == "pending":
                accrual.state, accrual.reason, accrual.reward = "rejected", "LEFT", 0
        sub.msisdn, sub.erased = None, True
        return {}

    def balance(self, *, msisdn: str) -> Answer:
        self.sweep()
        sub = self.find(msisdn)
        return refuse("UNKNOWN_SUBSCRIBER") if sub is None else self.balance_of(sub)

    def balance_of(self, sub: Subscription) -> Answer:
        """Every figure of the balance.

        open: `bonus_held` between the block and the 1st. It "is the part of bonus that a block
        keeps from crediting": the whole of it, from the block on, and then none is due.
        """
        bonus = sub.bonus_sum
        stopped = "investigation" in sub.blocks and sub.may_hold_cashback
        due = bonus > 0 and sub.may_hold_cashback and not stopped
        return {
            "main": sub.main,
            "cashback": sub.cashback,
            "bonus": bonus,
            "bonus_due_on": self.programme.next_first(self.now) if due else None,
            "bonus_held": bonus if stopped else 0,
            "pending": self.pending(sub) if sub.membership == "active" else 0,
            "held_main": self.held(sub, "main"),
            "held_cashback": self.held(sub, "cashback"),
            "carry_over": sub.carry_over,
            "unpaid": sum(c.unpaid for c in self.charges if c.sub is sub),
        }
