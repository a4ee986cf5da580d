"""Problem reports of one connection and code, reset by any other message (RFC 0035)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tocsin.schemas.events import ActivityKind, ProblemOpened, ProblemSuppressed
from tocsin.streams.rules.state import CONNECTION_CODES, ConnectionErrorsRow, row_key
from tocsin.streams.rules.values import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from tests.streams.rules.stages.conftest import Desk


def test_too_many_of_one_code_without_another_message(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(connection_errors=3)
    for number in range(4):
        last = desk.report(thread=f"t{number}", connection="c")
    assert isinstance(last, ProblemOpened)
    assert desk.limit_notices == [last]
    assert {item.key: item.value for item in last.problem.items}["limit"] == "connection_errors"
    after = desk.report(thread="t9", connection="c")
    assert isinstance(after, ProblemSuppressed)
    assert (after.reason, after.survivor) == ("connection_errors", last.event_id)
    muted = desk.report("e.p.other", thread="t3", connection="c")
    assert isinstance(muted, ProblemSuppressed)
    assert (muted.reason, muted.survivor) == ("thread_muted", last.event_id)


SENT, RECEIVED = ActivityKind.MESSAGE_SENT, ActivityKind.MESSAGE_RECEIVED
BETWEEN = {
    "a message that was sent": ((SENT, "https://didcomm.org/basicmessage/2.0/message", "c"), True),
    "a message that was received": ((RECEIVED, "https://didcomm.org/trust-ping/2.0/ping", "c"), True),
    "a message whose type nobody said": ((RECEIVED, None, "c"), True),
    "a problem report": ((SENT, "https://didcomm.org/report-problem/2.0/problem-report", "c"), False),
    "a protocol's own problem report": ((SENT, "https://didcomm.org/present-proof/2.0/problem_report", "c"), False),
    "a problem report of 2019": ((SENT, "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report", "c"),
                                 False),
    "a message on another connection": ((SENT, "https://didcomm.org/basicmessage/2.0/message", "d"), False),
    "a message on no connection": ((SENT, "https://didcomm.org/basicmessage/2.0/message", None), False),
    "a record that changed": ((ActivityKind.RECORD_CHANGED, None, "c"), False),
}  # fmt: skip


@pytest.mark.parametrize(("message", "resets"), BETWEEN.values(), ids=BETWEEN)
def test_what_resets_the_counter(
    desk_with: Callable[..., Desk], message: tuple[ActivityKind, str | None, str | None], resets: bool
) -> None:
    desk = desk_with(connection_errors=3)
    for number in range(5):
        desk.report(thread=f"t{number}", connection="c")
    desk.message(*message)
    assert isinstance(desk.report(thread="new", connection="c"), ProblemOpened) is resets


THREADS = {
    "in a thread of this connection": ("t0", True),
    "in a thread of another one": ("other", False),
    "in a thread that nobody knows": ("unknown", False),
}


@pytest.mark.parametrize(("thread", "resets"), THREADS.values(), ids=THREADS)
def test_a_message_that_names_only_its_thread(desk_with: Callable[..., Desk], thread: str, resets: bool) -> None:
    desk = desk_with(connection_errors=3)
    desk.report(thread="other", connection="d")
    for number in range(5):
        desk.report(thread=f"t{number}", connection="c")
    desk.message(connection=None, thread=thread)
    assert isinstance(desk.report(thread="new", connection="c"), ProblemOpened) is resets


PAUSES = {
    "one an hour is counted for ever": (HOUR, 1),
    "one now and then is no loop": (HOUR + 1, 0),
    "nor is one a day": (DAY, 0),
}


@pytest.mark.parametrize(("pause", "words"), PAUSES.values(), ids=PAUSES)
def test_a_pause_resets_the_counter(desk_with: Callable[..., Desk], pause: int, words: int) -> None:
    desk = desk_with(connection_errors=3)
    for number in range(21):
        desk.report(thread=f"t{number}", connection="c", after=pause)
    assert len(desk.limit_notices) == words
    assert bool(desk.suppressed) is bool(words)


def test_after_a_pause_it_is_told_again(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(connection_errors=3, connection_window=MINUTE)
    for number in range(9):
        desk.report(thread=f"t{number}", connection="c")
    assert desk.reasons == ["connection_errors"] * 5
    assert isinstance(desk.report(thread="now", connection="c", after=MINUTE), ProblemSuppressed)
    assert isinstance(desk.report(thread="later", connection="c", after=MINUTE + 1), ProblemOpened)
    assert isinstance(desk.report("e.p.other", "there", connection="c"), ProblemOpened)


def test_codes_and_connections_are_counted_apart(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(connection_errors=3)
    for number in range(3):
        desk.report("e.p.a", f"a{number}", connection="c")
        desk.report("e.p.b", f"b{number}", connection="c")
        desk.report("e.p.a", f"d{number}", connection="d")
        desk.report("e.p.a", f"n{number}")
    assert (desk.suppressed, desk.limit_notices) == ([], [])


def test_the_row_is_bounded_and_new_codes_unmute_none(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(connection_errors=1)
    desk.report("e.p.a", "t1", connection="c")
    desk.report("e.p.a", "t2", connection="c")
    for number in range(100):
        desk.report(f"e.p.x{number}", f"u{number}", connection="c")
    row = desk.rows.get(row_key("connection_errors", "acme", "c"))
    assert isinstance(row, ConnectionErrorsRow)
    assert len(row.codes) == CONNECTION_CODES
    assert isinstance(desk.report("e.p.a", "t3", connection="c"), ProblemSuppressed)
