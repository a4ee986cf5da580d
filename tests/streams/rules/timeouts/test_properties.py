"""What holds for every story: never early, never more notices than the policy has choices, bounded state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.waiting import START, Story, config_with
from tocsin.streams.rules.context.gaps import MAX_SPANS, merged, note_gap, unheard
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.state import GapsRow, LatencyRow, encode_row
from tocsin.streams.rules.timeouts.choosing import pause
from tocsin.streams.rules.timeouts.quantile import BOUNDS, with_latency
from tocsin.streams.rules.values import HOUR, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

policies = st.builds(
    TimeoutPolicy,
    messages=st.just(("ask",)),
    floor=st.integers(0, 100 * SECOND),
    ceiling=st.integers(1, 1000 * SECOND),
    unlearned=st.integers(1, 200 * SECOND) | st.none(),
    samples=st.integers(1, 3),
    waits=st.integers(0, 2),
    retries=st.integers(0, 4),
    backoff=st.integers(1, 60 * SECOND),
    max_backoff=st.integers(1, 600 * SECOND),
)
happenings = st.lists(
    st.tuples(
        st.floats(0, 120),
        st.sampled_from(["sent ask", "sent ask", "sent chat", "reply", "reply", "problem", "silent", "sent ask on u"]),
    ),
    max_size=25,
)


def as_steps(happened: list[tuple[float, str]]) -> list[str]:
    steps, now = [], 0.0
    for after, what in happened:
        now += after
        steps.append(f"{now} silent until {now + 300}" if what == "silent" else f"{now} {what}")
        now += 300 if what == "silent" else 0
    return [*steps, f"{now + 100_000} tick"]


@given(policy=policies, happened=happenings)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_never_earlier_than_the_floor_and_never_more_notices_than_choices(
    new_rows: type[DictRows], policy: TimeoutPolicy, happened: list[tuple[float, str]]
) -> None:
    rows = new_rows()
    story = Story(rows, config_with(policy)).play(*as_steps(happened))
    by_expectation: dict[str | None, int] = {}
    for notice in story.notices():
        assert notice.waited >= policy.floor
        assert notice.expected is not None
        assert notice.waited >= notice.expected
        by_expectation[notice.cause] = by_expectation.get(notice.cause, 0) + 1
        if notice.choice == "retry":
            assert notice.retry_at is not None
            assert notice.retry_at - notice.occurred_at >= min(policy.backoff, policy.max_backoff)
            assert notice.retry_of is not None
    assert all(count <= policy.waits + policy.retries + 1 for count in by_expectation.values())
    assert len({notice.event_id for notice in story.notices()}) == len(story.notices())
    assert set(rows.dues) == set(rows.rows), "every row is forgotten some day"


@given(policy=policies, happened=happenings)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=25)
def test_the_same_story_is_told_the_same(
    new_rows: type[DictRows], policy: TimeoutPolicy, happened: list[tuple[float, str]]
) -> None:
    first, second = new_rows(), new_rows()
    steps = as_steps(happened)
    assert (
        Story(first, config_with(policy)).play(*steps).decisions
        == Story(second, config_with(policy)).play(*steps).decisions
    )
    assert (first.rows, first.dues) == (second.rows, second.dues)


@given(policy=policies, happened=happenings)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=25)
def test_everything_is_forgotten_in_the_end(
    new_rows: type[DictRows], policy: TimeoutPolicy, happened: list[tuple[float, str]]
) -> None:
    rows = new_rows()
    story = Story(rows, config_with(policy)).play(*as_steps(happened))
    story.until(400 * 24 * HOUR / SECOND)
    assert rows.rows == {}


@given(st.integers(1, HOUR), st.integers(1, 10 * HOUR), st.text(max_size=5))
def test_pauses_are_doubled_up_to_the_largest(backoff: int, largest: int, opened_by: str) -> None:
    policy = TimeoutPolicy(backoff=backoff, max_backoff=largest)
    for attempt in range(2, 60):
        plain = min(backoff * 2 ** (attempt - 2), largest)
        assert plain <= pause(policy, opened_by, attempt) <= plain + max(plain // 10, SECOND)


def test_the_state_of_a_latency_is_bounded() -> None:
    row = LatencyRow(0, START)
    sizes = []
    for number in range(5000):
        row = LatencyRow(number, START, with_latency(row.buckets, BOUNDS[number * 7 % len(BOUNDS)]))
        sizes.append(len(encode_row(row)))
    assert max(sizes[2000:]) <= max(sizes[:2000]) + 8
    assert max(sizes) < 2048


spans = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 100)), max_size=60)


@given(spans, st.integers(0, 1000), st.integers(0, 1000))
def test_unheard_time_is_counted_once(
    new_rows: type[DictRows], gaps: list[tuple[int, int]], since: int, length: int
) -> None:
    rows = new_rows()
    for start, span in gaps:
        note_gap(rows, start, start + span)
    row = rows.get("gaps")
    if isinstance(row, GapsRow):
        assert len(row.spans) <= MAX_SPANS
        assert list(row.spans) == merged(list(row.spans))
    silent = {moment for start, span in gaps for moment in range(start, start + span)}
    exact = len(silent & set(range(since, since + length)))
    found = unheard(rows, since, since + length)
    assert found <= exact
    if len(gaps) <= MAX_SPANS:
        assert found == exact


@pytest.mark.parametrize("late", [0, 1, 4, 3600])
def test_a_tick_that_comes_late_leaves_nothing_due(rows: DictRows, late: int) -> None:
    policy = TimeoutPolicy(messages=("ask",), floor=0, unlearned=1, waits=1, retries=1, backoff=1)
    story = Story(rows, config_with(policy)).play("0 sent ask")
    story.now += late * SECOND
    story.until(late + 10)
    assert [choice for _, choice, _ in story.noticed()] == ["wait", "retry", "give_up"]
