"""Alembic's entry: runs on the connection that `gateway.migrations.upgrade` was given."""

from alembic import context

from billing.store import schema as billing_schema
from gateway import schema as gateway_schema
from sms.outbox import schema as outbox_schema

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=[billing_schema.metadata, outbox_schema.metadata, gateway_schema.metadata],
)
with context.begin_transaction():
    context.run_migrations()
