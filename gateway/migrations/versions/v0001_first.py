"""The first schema: ledger, outbox, business clock, USSD records."""

from alembic import context, op

from billing.store import schema as billing_schema
from gateway import schema as gateway_schema
from sms.outbox import schema as outbox_schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    bind = op.get_bind()
    for metadata in (billing_schema.metadata, outbox_schema.metadata, gateway_schema.metadata):
        metadata.create_all(bind)
        if metadata is billing_schema.metadata:
            context.config.attributes["fault"]("migrate.mid")
