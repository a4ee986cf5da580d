"""What went round in circles and was held back is found without going through all problems."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_REASONS = "('hops', 'replayed', 'thread_muted', 'connection_errors', 'ping_pong', 'exchange')"


def upgrade() -> None:
    """Make the index, also of what is there already."""
    op.execute(f"CREATE INDEX problems_stopped_at ON problems (tenant, reason, at, id) WHERE reason IN {_REASONS}")
