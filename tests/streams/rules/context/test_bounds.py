"""Whatever comes: there is always a context, rows stay small, and each has a timer that forgets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.fuzzing import examples
from tocsin.schemas.events import ActivityKind, ThreadContext
from tocsin.streams.rules.state import THREAD_CODES, WAITING, ReferenceRow, ThreadRow, encode_row

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows
    from tests.streams.rules.context.conftest import World

IDS = st.sampled_from(["", "a", "b", "c", "é/%", "x" * 255, "y" * 256, "z" * 5000])
MAYBE = st.none() | IDS
TYPES = st.none() | st.sampled_from(
    [
        "https://didcomm.org/out-of-band/1.0/invitation",
        "https://didcomm.org/didexchange/1.0/request",
        "https://didcomm.org/issue-credential/2.0/offer-credential",
        "https://didcomm.org/report-problem/2.0/problem-report",
        "no type",
        "x" * 5000,
    ]
)
ACTIVITY = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([kind.value for kind in ActivityKind]),
        "thread_id": MAYBE,
        "parent_thread_id": MAYBE,
        "message_id": MAYBE,
        "message_type": TYPES,
        "digest": MAYBE,
        "connection": MAYBE,
        "trust": MAYBE,
        "record_type": MAYBE,
        "record_id": MAYBE,
        "record_state": MAYBE,
        "job": MAYBE,
        "detail": st.dictionaries(st.just("request_id"), IDS),
        "at": st.none() | st.just(0),
    }
)
PROBLEM = st.fixed_dictionaries(
    {
        "code": st.sampled_from(["", "e.p.odd", "w.m.odd", "e.start.odd", "request_not_accepted", "x" * 2000]),
        "thread": MAYBE,
        "thread_id_derived": st.booleans(),
        "parent_thread_id": MAYBE,
        "message_id": MAYBE,
        "message_type": TYPES,
        "ack": st.lists(IDS, max_size=40),
        "context_ids": st.lists(IDS, max_size=40),
        "message_sha256": MAYBE,
        "request_id": MAYBE,
        "connection": MAYBE,
        "protocol": MAYBE,
        "record_type": MAYBE,
        "record_id": MAYBE,
    }
)
EVENTS = st.lists(st.tuples(st.just("activity"), ACTIVITY) | st.tuples(st.just("problem"), PROBLEM), max_size=25)


@settings(max_examples=examples(100, 300))
@given(EVENTS)
def test_there_is_always_a_context_and_rows_stay_small(
    new_rows: type[DictRows], new_world: type[World], events: list[tuple[str, dict[str, Any]]]
) -> None:
    world = new_world(new_rows())
    for what, members in events:
        if what == "activity":
            for explained in world.observe(**dict(members)):
                _is_sound(explained.thread)
        else:
            _is_sound(world.problem(**dict(members)), counted=True)
    for key in world.rows.rows:
        row = world.rows.get(key)
        assert row is not None
        assert len(encode_row(row)) < 12_000
        if isinstance(row, ThreadRow | ReferenceRow):
            assert len(row.waiting) <= WAITING
            assert len(getattr(row, "codes", ())) <= THREAD_CODES
        assert key.startswith("case/") or world.rows.due(key) is not None


def _is_sound(context: ThreadContext, *, counted: bool = False) -> None:
    assert context.depth == len(context.parents) <= 16
    assert context.thread_id not in context.parents
    assert context.first_seen <= context.last_seen
    assert context.count >= counted
    assert context.effect in (None, "continues", "back", "ended")
    assert (context.found_by is None) or context.found_by in (
        "parent", "thread", "ack", "context", "message", "digest", "request", "record",
    )  # fmt: skip


@given(EVENTS)
def test_the_same_events_give_the_same_rows(
    new_rows: type[DictRows], new_world: type[World], events: list[tuple[str, dict[str, Any]]]
) -> None:
    kept = []
    for _ in range(2):
        world = new_world(new_rows())
        for what, members in events:
            happen = world.observe if what == "activity" else world.problem
            happen(**dict(members))
        kept.append((world.rows.rows, world.rows.dues))
    assert kept[0] == kept[1]


def test_a_thread_that_is_all_that_it_can_be_is_small() -> None:
    text = "x" * 255
    row = ThreadRow(
        text, text, 1, 1, 1, 1, ("x" * 128,) * THREAD_CODES, text, text, text, text, text, text, text, text, text, text,
        text, ((text[:36], text[:36]),) * WAITING,
    )  # fmt: skip
    assert len(encode_row(row)) < 8000
