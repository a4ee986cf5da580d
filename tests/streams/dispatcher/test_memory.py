"""What has ended is not made again; what is replayed later is."""

from __future__ import annotations

from tocsin.streams.dispatcher.memory import RECALL, REMEMBERED, REMEMBERED_FOR, AttemptMemory
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.rules.values import SECOND

NOW = 1_800_000_000.0


def test_what_ended_is_known_for_its_time_and_no_longer() -> None:
    memory = AttemptMemory()
    memory.recall({("old", 1): NOW - 100})
    memory.add(("d", 1), NOW)
    assert memory.knows(("d", 1), NOW + REMEMBERED_FOR - 1)
    assert not memory.knows(("d", 2), NOW)
    assert memory.knows(("old", 1), NOW)
    assert not memory.knows(("d", 1), NOW + REMEMBERED_FOR), "a replay after finished_ttl begins at attempt 1 again"
    assert memory.knows(("old", 1), NOW + RECALL - 101)
    assert not memory.knows(("old", 1), NOW + RECALL - 100)
    assert DeliverConfig().finished_ttl >= REMEMBERED_FOR * SECOND


def test_the_memory_is_bounded() -> None:
    memory = AttemptMemory()
    for number in range(REMEMBERED + 1):
        memory.add((str(number), 1), NOW)
    assert not memory.knows(("0", 1), NOW)
    assert memory.knows(("1", 1), NOW)
