"""Where a partition is in its life in this worker, and what helps one that halted."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where a partition's task is; the value is the label of the metric."""

    TAKING_OVER = "taking_over"
    RUNNING = "running"
    WAITING = "waiting"
    HALTED = "halted"
    STOPPED = "stopped"


DEAD_LETTER_LIMIT = "dead_letter_limit"
"""The reason of a partition that halted rather than dead-letter one record more."""
HELP = {
    DEAD_LETTER_LIMIT: "run a release that can read these records, or raise the setting dead_letter_limit; "
    "then, for those that are in `dead` already: tocsin dead replay"
}
"""What helps, by the reason of a halt."""
