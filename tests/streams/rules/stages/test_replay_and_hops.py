"""The same ciphertext again, and problems that have passed too many buses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tocsin.schemas.events import ProblemOpened, ProblemSuppressed
from tocsin.streams.rules.facts import hops_of
from tocsin.streams.rules.values import DAY

if TYPE_CHECKING:
    from tests.streams.rules.stages.conftest import Desk

DIGEST = "ab" * 32


def test_a_replayed_ciphertext(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(replay_window=DAY)
    first = desk.report(thread="t1", message_sha256=DIGEST)
    for thread, digest in (("t2", DIGEST), ("t3", DIGEST.upper())):
        replay = desk.report(thread=thread, message_sha256=digest)
        assert isinstance(replay, ProblemSuppressed)
        assert (replay.reason, replay.survivor) == ("replayed", first.event_id)
    assert isinstance(desk.report("e.p.other", "t3", message_sha256=DIGEST), ProblemOpened)
    assert isinstance(desk.report(thread="t4", message_sha256="cd" * 32), ProblemOpened)
    assert isinstance(desk.report(thread="t5", after=DAY, message_sha256=DIGEST), ProblemOpened)


def test_a_replay_of_what_was_suppressed_has_the_same_survivor(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(replay_window=DAY, thread_errors=1)
    desk.report(thread="t")
    limit_notice = desk.report(thread="t")
    desk.report(thread="t", message_sha256=DIGEST)
    replay = desk.report(thread="elsewhere", message_sha256=DIGEST)
    assert isinstance(replay, ProblemSuppressed)
    assert (replay.reason, replay.survivor) == ("replayed", limit_notice.event_id)


@pytest.mark.parametrize(
    ("said", "hops"),
    [("0", 0), ("8", 8), ("", 0), ('"8"', 0), ("-1", 0), ("true", 0), ("9" * 50, 0), ("٣", 0), ("1.5", 0)],
)
def test_the_number_of_hops(desk_with: Callable[..., Desk], said: str, hops: int) -> None:
    desk = desk_with()
    told = desk.report(extensions={"tocsin.hops": said})
    assert isinstance(told, ProblemOpened)
    assert hops_of(told.problem) == hops
    assert desk.letters("problem.opened")[0].get("hops", 0) == hops


def test_too_many_hops(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(hops=8)
    told = desk.report(extensions={"tocsin.hops": "8"})
    passed = desk.report(extensions={"tocsin.hops": "9"})
    assert isinstance(told, ProblemOpened)
    assert isinstance(passed, ProblemSuppressed)
    assert (passed.reason, passed.survivor) == ("hops", told.event_id)


def test_a_limit_notice_has_passed_as_many_buses_as_what_it_replaces(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(thread_errors=1)
    desk.report()
    last = desk.report(extensions={"tocsin.hops": "5", "private": '"x"'})
    assert isinstance(last, ProblemOpened)
    assert last.problem.extensions == {"tocsin.hops": "5"}
