"""Where a partition is in its life in this worker."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where a partition's task is; the value is the label of the metric."""

    TAKING_OVER = "taking_over"
    RUNNING = "running"
    WAITING = "waiting"
    HALTED = "halted"
    STOPPED = "stopped"
