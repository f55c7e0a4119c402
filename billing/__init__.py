"""The ledger of the cashback programme: accounts, postings, accrual rules, first-charge draw, month run.

Pure modules decide; `billing.store` loads, writes and runs the set-based month job on a SQLAlchemy connection.
Nothing here knows SMS, USSD, HTTP or Twisted.
"""
