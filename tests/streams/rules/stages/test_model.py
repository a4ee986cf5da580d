"""Whatever is reported, in whatever order: every report ends once, a thread has one limit notice, rows stay bounded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.schemas.events import ActivityKind, ProblemOpened, ProblemRepeated, ProblemSuppressed
from tocsin.streams.rules.decide import fire
from tocsin.streams.rules.values import DAY, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.streams.rules.stages.conftest import Desk

BUDGET = 4
LIMITS = {
    "repeat_window": 60 * SECOND, "replay_window": DAY, "thread_errors": BUDGET, "connection_errors": 5, "ping_pong": 3,
    "ping_pong_window": 10 * MINUTE, "hops": 3,
}  # fmt: skip
REASONS = {
    "replayed", "hops", "thread_muted", "thread_errors", "connection_errors", "ping_pong", "identical",
}  # fmt: skip
threads = st.sampled_from(["t1", "t2", None])
reports = st.fixed_dictionaries(
    {
        "code": st.sampled_from(["e.p.a", "e.p.b", "w.m.c", "e.p.req.max-errors-exceeded"])
        | st.integers(0, 99).map("e.p.x{}".format),
        "thread": threads,
        "after": st.sampled_from([0, 1, SECOND, 61 * SECOND, 11 * MINUTE]),
    },
    optional={
        "connection": st.sampled_from(["c", "d"]),
        "sender": st.sampled_from(["a", "b"]),
        "recipients": st.sampled_from([["a"], ["b"]]),
        "category": st.sampled_from(["req", "xfer"]),
        "text": st.sampled_from(["x", "y"]),
        "message_sha256": st.sampled_from(["aa", "bb"]),
        "extensions": st.sampled_from([{"tocsin.hops": "3"}, {"tocsin.hops": "4"}]),
    },
)
about_a_thread = reports.map(lambda one: one | {"parent_thread_id": "t1", "thread_id_derived": True})
messages = st.tuples(st.sampled_from([*ActivityKind]), st.sampled_from(["x/1.0/ping", "x/1.0/problem-report", None]))
steps = st.lists(reports | about_a_thread | messages, max_size=60)


def check_thread(desk: Desk, thread: str) -> None:
    """At most the budget and one limit notice; nothing after it. The tests' threads are younger than they live."""
    told = [event.problem for event in desk.told if thread_of(event) == thread]
    words = [place for place, problem in enumerate(told) if problem.dialect == "canonical"]
    assert len(told) <= BUDGET + 1
    assert words in ([], [len(told) - 1])


def thread_of(event: ProblemOpened | ProblemRepeated) -> str | None:
    problem = event.problem
    return problem.parent_thread_id if problem.thread_id_derived else problem.thread_id


@settings(max_examples=300)
@given(steps=steps)
def test_any_sequence(desk_and_rows: Callable[..., Desk], steps: list[Any]) -> None:
    desk = desk_and_rows(**LIMITS)
    ids = 0
    for step in steps:
        if isinstance(step, tuple):
            desk.message(*step)
            continue
        ids += 1
        if step.get("thread_id_derived"):
            step = step | {"thread": f"m{ids}"}
        desk.report(**step)
    assert len(desk.told) + len(desk.suppressed) == desk.reports
    assert {event.report for event in [*desk.told, *desk.suppressed]} == {f"r{n + 1}" for n in range(desk.reports)}
    for thread in ("t1", "t2"):
        check_thread(desk, thread)
    check_survivors(desk)
    check_rows(desk)


def check_survivors(desk: Desk) -> None:
    """Each suppression names a reason of the closed set, and an event that was there before (hops: if any was)."""
    before: set[str] = set()
    for event in desk.events:
        if isinstance(event, ProblemSuppressed):
            assert event.reason in REASONS
            assert event.survivor in before or (event.survivor is None and event.reason == "hops")
        before.add(event.event_id)
    counted = Counter[str]()
    for digest in desk.digests:
        counted[digest.why] += digest.count
    assert counted["identical"] <= desk.reasons.count("identical")
    desk.pass_time(61 * SECOND)
    assert sum(digest.count for digest in desk.digests) == desk.reasons.count("identical")


def check_rows(desk: Desk) -> None:
    """Every row has an end, is small, and in the end there is none."""
    assert desk.rows.rows.keys() == desk.rows.dues.keys()
    assert all(len(data) < 16_384 for data in desk.rows.rows.values())
    for _ in range(3):
        desk.pass_time(60 * DAY)
    assert desk.rows.rows == {}


def test_a_flood_leaves_little(desk_and_rows: Callable[..., Desk]) -> None:
    """Ten thousand reports on one thread with a new code each: what is told stays five, and so do the cases."""
    desk = desk_and_rows(**LIMITS)
    for number in range(10_000):
        desk.report(f"e.p.x{number}", "t", after=1, connection="c")
    kinds = Counter(key.partition("/")[0] for key in desk.rows.rows)
    assert len(desk.told) == BUDGET + 1
    assert kinds <= Counter(
        seen=10_000, thread=1, case=BUDGET + 1, digest=BUDGET + 1, connection_errors=1, connection=1, reference=8
    )


def test_timers_of_rows_that_are_gone_do_nothing(desk_and_rows: Callable[..., Desk]) -> None:
    desk = desk_and_rows(**LIMITS)
    assert fire("digest/acme/identical%2Fx", desk.rows, desk.now, desk.config) == []
