"""Instruments for any SMSC, each on plain sessions of its own: a bind check, a load generator, a probe."""
