"""What is said of how far a problem is to be trusted: one that is only claimed is no record's error."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add it; of what is there already nothing is said."""
    text = "TEXT" if op.get_context().dialect.name == "sqlite" else 'TEXT COLLATE "C"'
    for table in ("problems", "cases"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN trust {text}")
