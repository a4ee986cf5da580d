"""A case counts all of its reports, also those of which nobody was told, and is as new as the last of them."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

COUNTED = (
    "UPDATE cases SET count = found.reports, at = found.last FROM (SELECT tenant, case_id, count(*) AS reports,"
    " max(decided_at) AS last FROM problems WHERE case_id IS NOT NULL GROUP BY tenant, case_id) AS found"
    " WHERE found.tenant = cases.tenant AND found.case_id = cases.id AND found.reports > coalesce(cases.count, 0)"
)
"""What is kept no longer stays counted as it was."""


def upgrade() -> None:
    """Count what is there already."""
    op.get_bind().exec_driver_sql(COUNTED)
