"""What has ended is not made again; what is replayed later is."""

from __future__ import annotations

import pytest

from tocsin.streams.dispatcher.memory import RECALL, REMEMBERED, REMEMBERED_FOR, AttemptMemory
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.rules.values import SECOND

NOW = 1_800_000_000.0


def test_what_ended_is_known_for_its_time_and_no_longer() -> None:
    memory = AttemptMemory()
    memory.add(("d", 1), NOW)
    assert memory.knows(("d", 1), NOW + REMEMBERED_FOR - 1)
    assert not memory.knows(("d", 2), NOW)
    assert not memory.knows(("d", 1), NOW + REMEMBERED_FOR), "a replay after finished_ttl begins at attempt 1 again"
    assert DeliverConfig().finished_ttl >= REMEMBERED_FOR * SECOND


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        pytest.param(NOW - 200, True, id="asked for before it ended"),
        pytest.param(NOW - 100, True, id="in the same millisecond"),
        pytest.param(NOW - 99, False, id="asked for later, under the same number: a replay"),
    ],
)
def test_what_a_predecessor_ended_is_known_for_what_was_asked_before(asked: float, known: bool) -> None:
    memory = AttemptMemory()
    memory.recall({("old", 1): NOW - 100}, NOW)
    assert memory.knows(("old", 1), NOW, asked) is known


def test_what_was_recalled_is_kept_through_the_next_recall_until_it_is_stale() -> None:
    memory = AttemptMemory()
    memory.recall({("old", 1): NOW, ("older", 1): NOW - 100}, NOW)
    memory.recall({("new", 1): NOW}, NOW + RECALL - 100)
    assert [memory.knows((name, 1), NOW) for name in ("old", "older", "new")] == [True, False, True]


def test_the_memory_is_bounded() -> None:
    memory = AttemptMemory()
    for number in range(REMEMBERED + 1):
        memory.add((str(number), 1), NOW)
    assert not memory.knows(("0", 1), NOW)
    assert memory.knows(("1", 1), NOW)
