"""What a business day comes to: sums per account, and where all issued cashback is (invariant 28). Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from billing.money import Kopecks
from billing.words import Account, PostingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLine:
    """Postings of one day of one kind between two accounts."""

    kind: PostingKind
    source: Account
    target: Account
    postings: int
    amount: Kopecks


@dataclass(frozen=True, slots=True, kw_only=True)
class Cashback:
    """Where the cashback issued since the beginning is."""

    issued: Kopecks = 0
    spent: Kopecks = 0
    lapsed: Kopecks = 0
    voucher: Kopecks = 0
    reversed: Kopecks = 0
    outstanding: Kopecks = 0

    @property
    def missing(self) -> Kopecks:
        """What is issued and nowhere: 0."""
        return self.issued - self.spent - self.lapsed - self.voucher - self.reversed - self.outstanding


def closing(opening: Mapping[Account, Kopecks], lines: Iterable[DayLine]) -> dict[Account, Kopecks]:
    """The sums of all accounts after the lines."""
    sums = Counter({account: opening.get(account, 0) for account in Account})
    for line in lines:
        sums[line.source] -= line.amount
        sums[line.target] += line.amount
    return dict(sums)


def cashback_after(before: Cashback, lines: Iterable[DayLine], sums: Mapping[Account, Kopecks]) -> Cashback:
    """The figures of cashback after the lines; `sums` are the accounts then."""
    moved: Counter[tuple[Account, Account]] = Counter()
    for line in lines:
        moved[line.source, line.target] += line.amount
    out, into = Counter[Account](), Counter[Account]()
    for (source, target), amount in moved.items():
        out[source] += amount
        into[target] += amount
    spent = moved[Account.CASHBACK, Account.REVENUE] - moved[Account.REVENUE, Account.CASHBACK]
    return Cashback(
        issued=before.issued + out[Account.PROGRAMME_EXPENSE],
        spent=before.spent + spent,
        lapsed=before.lapsed + into[Account.LAPSED],
        voucher=before.voucher + into[Account.VOUCHER] - out[Account.VOUCHER],
        reversed=before.reversed + into[Account.PROGRAMME_EXPENSE],
        outstanding=sums[Account.BONUS] + sums[Account.CASHBACK],
    )
