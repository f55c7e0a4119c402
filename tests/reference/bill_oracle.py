"""An account as rules 24–26, 28–34, 36 and 37 of the programme describe it: the ledger's second opinion.

Written from the rules alone, before the ledger's code was read. Two sentences came from elsewhere afterwards: a
refund lowers the open rest first (the HTTP contract), and held cashback counts against the month's cap (so that a
commit is always covered, rule 33).
"""

from dataclasses import dataclass, field


@dataclass
class Rules:
    spend_types: frozenset[str]
    monthly_cap: int | None = None
    part_payment: bool = True


@dataclass
class Oracle:
    """Answers are (cashback, main, unpaid), or the code of a refusal; `told` holds the SMS owed (36, 37)."""

    rules: Rules
    bonus: int = 0
    cashback: int = 0
    main: int = 0
    credit_limit: int = 0
    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    charges: dict[str, tuple[str, int, tuple[int, int, int] | str]] = field(default_factory=dict)
    drawn: dict[str, list[int]] = field(default_factory=dict)  # charge -> [cashback, main], with settlements
    owed: dict[str, int] = field(default_factory=dict)  # unpaid rests, the oldest first (30)
    paid_by_cashback: dict[str, int] = field(default_factory=dict)  # month -> sum (29, 36)
    told: list[tuple[str, str]] = field(default_factory=list)

    def charge(self, name: str, kind: str, amount: int, month: str) -> tuple[int, int, int] | str:
        if name in self.charges:  # 34
            return self.charges[name][2] if self.charges[name][:2] == (kind, amount) else "CONFLICT"
        before = self.cashback - sum(one[0] for one in self.held.values())  # 33
        cashback, main = self.split(kind, amount, month)
        if cashback + main < amount and not self.rules.part_payment:
            return "INSUFFICIENT_FUNDS"  # 30: nothing posted
        if before == 0 and self.paid_by_cashback.get(month, 0) and ("used_up", month) not in self.told:
            self.told.append(("used_up", month))  # 36
        if kind == "tariff_fee" and cashback:
            self.told.append(("bill", name))  # 37
        self.cashback, self.main = self.cashback - cashback, self.main - main
        self.drawn[name] = [cashback, main]
        self.paid_by_cashback[month] = self.paid_by_cashback.get(month, 0) + cashback
        if amount > cashback + main:
            self.owed[name] = amount - cashback - main
        self.charges[name] = (kind, amount, (cashback, main, amount - cashback - main))
        return cashback, main, amount - cashback - main

    def split(self, kind: str, amount: int, month: str) -> tuple[int, int]:  # 28, 29, 30, 33
        held = [sum(one[i] for one in self.held.values()) for i in (0, 1)]
        cap = self.rules.monthly_cap
        left = amount if cap is None else max(0, cap - self.paid_by_cashback.get(month, 0) - held[0])
        cashback = min(amount, self.cashback - held[0], left) if kind in self.rules.spend_types else 0
        return cashback, max(0, min(amount - cashback, self.main + self.credit_limit - held[1]))

    def top_up(self, amount: int) -> None:  # 31, 30
        self.main += amount
        for name in list(self.owed):
            paid = max(0, min(self.owed[name], self.main - sum(one[1] for one in self.held.values())))
            self.main, self.drawn[name][1], self.owed[name] = (
                self.main - paid,
                self.drawn[name][1] + paid,
                self.owed[name] - paid,
            )
            if not self.owed[name]:
                del self.owed[name]

    def refund(self, name: str, amount: int) -> tuple[int, int, int] | str:  # 32
        open_, main = self.owed.get(name, 0), self.drawn[name][1]
        if amount > open_ + main + self.drawn[name][0]:
            return "EXCEEDS_CHARGE"
        open_, main = min(amount, open_), min(max(0, amount - open_), main)
        self.owed = {
            one: rest - open_ * (one == name) for one, rest in self.owed.items() if (one, rest) != (name, open_)
        }
        back = amount - open_ - main
        self.cashback, self.main = self.cashback + back, self.main + main
        self.drawn[name] = [self.drawn[name][0] - back, self.drawn[name][1] - main]
        return open_, main, back

    def credit(self) -> None:  # 25, 26
        self.bonus, self.cashback = 0, self.cashback + self.bonus
