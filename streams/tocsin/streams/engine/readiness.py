"""Why a worker is not ready, in words for whoever asks `/readyz`: what it does not do, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiokafka import TopicPartition

from tocsin.streams.engine.task import PartitionTask

NAMED = 3
"""Partitions that are named; the rest are counted."""


def standing_still(
    tasks: Mapping[TopicPartition, PartitionTask], waiting: Mapping[TopicPartition, int], now: float
) -> str | None:
    """The partitions that were halted, and those that have input and do not move; None without any. `waiting` is how
    many records each has to read, `now` of `time.monotonic`."""
    halted = [f"{_name(place)} is {task.note()}" for place, task in sorted(tasks.items()) if task.halted]
    still = [
        f"no progress on {_name(place)} for {now - task.moved_at:.0f} s although {waiting.get(place, 0):,} records wait"
        for place, task in sorted(tasks.items())
        if task.stalled and not task.halted
    ]
    return _listed([*halted, *still])


def by_topic(partitions: Iterable[TopicPartition]) -> str:
    """For the log: the numbers of each topic's partitions, such as `tocsin.inbox 0 1 2; tocsin.deliveries 0`."""
    topics: dict[str, list[int]] = {}
    for place in sorted(partitions):
        topics.setdefault(place.topic, []).append(place.partition)
    return "; ".join(f"{topic} {' '.join(map(str, numbers))}" for topic, numbers in topics.items()) or "none"


def _name(place: TopicPartition) -> str:
    return f"partition {place.partition} of {place.topic}"


def _listed(reasons: Iterable[str]) -> str | None:
    named = list(reasons)
    if not named:
        return None
    more = f"; and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"{'; '.join(named[:NAMED])}{more}; see `tocsin doctor`"
