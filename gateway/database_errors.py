"""What the database door itself refuses; failures of the database are SQLAlchemy's errors."""


class DatabaseError(Exception):
    """Root of what the database door itself reports."""


class DatabaseLocked(DatabaseError):
    """Another gateway process serves this database; one process at a time may."""


class DatabaseUnsupported(DatabaseError):
    """The URL names a database this build does not speak."""
