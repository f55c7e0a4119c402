"""Composition: configuration, database, use cases, HTTP door, texts per language, logs, command line.

Decisions live in `billing`, `sms` and `ussd`; here they are wired together and given clocks, threads and sockets.
"""

__version__ = "0.1.0"
