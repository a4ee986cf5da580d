"""The tables, as the first release with a store has them. Never changes: what comes later is a migration of its own."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

TYPES = {
    "sqlite": {"text": "TEXT", "bytes": "BLOB", "serial": "INTEGER"},
    "postgresql": {"text": 'TEXT COLLATE "C"', "bytes": "BYTEA", "serial": "BIGSERIAL"},
}


def upgrade() -> None:
    """Make them."""
    script = Path(__file__).with_suffix(".sql").read_text("utf-8")
    for statement in script.format_map(TYPES[op.get_context().dialect.name]).split(";\n"):
        if statement.strip():
            op.execute(statement)
