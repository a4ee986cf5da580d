"""What `/readyz` of a dispatcher says of its own progress."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition

from tocsin.streams.dispatcher.progress import ENDS_WITHIN, READS_WITHIN, Progress

PLACE = TopicPartition("t.attempts", 2)


LOOKED, BEGIN, END = "looked", "begin", "end"
Step = tuple[str, float]
"""The method, and when it is called."""
WORKS: list[Step] = [(LOOKED, 0.0)]

TABLE: dict[str, tuple[list[Step], float, str | None]] = {
    "just begun": ([], 0.0, "not connected to Kafka yet"),
    "idle": (WORKS, READS_WITHIN, None),
    "reads no more": (WORKS, READS_WITHIN + 1, "no attempt is read since 31 s; restart this dispatcher"),
    "an attempt takes its time": ([(BEGIN, 0.0), (LOOKED, ENDS_WITHIN)], ENDS_WITHIN, None),
    "none ends": (
        [(BEGIN, 0.0), (BEGIN, 99.0), (LOOKED, 130.0)], 130.0,
        "no progress on partition 2 of t.attempts for 130 s although 2 attempts are under way; see `tocsin doctor`",
    ),
    "some end": ([(BEGIN, 0.0), (BEGIN, 0.0), (END, 90.0), (LOOKED, 130.0)], 130.0, None),
    "all ended": ([(BEGIN, 0.0), (END, 1.0), (LOOKED, 900.0)], 900.0, None),
    "a new one after a long rest": ([(BEGIN, 0.0), (END, 1.0), (BEGIN, 890.0), (LOOKED, 900.0)], 900.0, None),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "now", "reason"), TABLE.values(), ids=TABLE)
def test_progress(steps: list[Step], now: float, reason: str | None) -> None:
    progress = Progress()
    progress.assigned()
    for method, at in steps:
        progress.looked(at) if method == LOOKED else getattr(progress, method)(PLACE, at)
    assert progress.not_ready(now) == reason


def test_it_is_not_ready_before_its_group_gave_it_partitions() -> None:
    progress = Progress()
    progress.looked(0.0)
    assert progress.not_ready(0.0) == "not in the consumer group yet"
