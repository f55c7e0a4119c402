"""The ledger on a SQLAlchemy Core connection handed in by the caller: no threads, no commits, no engine here.

Every function runs inside the caller's transaction. SQLite and PostgreSQL; what differs stands in `dialects`.
"""
