"""Words that the contract tests share."""

from collections.abc import Callable

from hosted import Hosted

Starting = Callable[..., Hosted]
WELCOME = ("programme_expense", "bonus", "50.00")
FIRST = "2025-04-01T00:00:00+03:00"
NINE = "2025-04-01T09:00:00+03:00"
