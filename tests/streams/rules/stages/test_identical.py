"""The same again: told once, counted, and a digest at the end of the window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tocsin.schemas.events import (
    ActivityKind,
    CommandIssued,
    CommandKind,
    ProblemOpened,
    ProblemRepeated,
    ProblemResolved,
    ProblemSuppressed,
)
from tocsin.schemas.problem import Http, Item, Severity
from tocsin.streams.rules.cases import CASE_ENDPOINTS
from tocsin.streams.rules.config import DecideConfig, Endpoint
from tocsin.streams.rules.decide import decide
from tocsin.streams.rules.decision import Emit
from tocsin.streams.rules.digest import DIGEST_ENDPOINTS
from tocsin.streams.rules.state import DIGEST_CASES, DigestRow, encode_row
from tocsin.streams.rules.values import HOUR, MAX_ENDPOINTS, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.stages.conftest import Desk

WINDOW = 60 * SECOND


def test_first_at_once_then_a_digest(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW)
    first = desk.report()
    for _ in range(4):
        again = desk.report()
        assert isinstance(again, ProblemSuppressed)
        assert (again.reason, again.survivor) == ("identical", first.event_id)
    assert desk.digests == []
    desk.pass_time(WINDOW)
    [digest] = desk.digests
    assert (digest.count, digest.more, digest.why, digest.until - digest.since) == (4, 0, "identical", WINDOW)
    assert [(one.code, one.count, one.last_report) for one in digest.cases] == [("e.p.xfer", 4, "r5")]
    [data] = desk.letters("problem.digest")
    assert (data["event_id"], data["tenant"], data["case"]) == (digest.event_id, "acme", digest.cases[0].case)
    assert (data["count"], data["survivor"], data["problem"]["code"]) == (4, first.event_id, "e.p.xfer")
    assert digest.endpoints == ["owner"]


def test_a_window_without_repeats_ends_without_a_word_and_leaves_no_row(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW)
    desk.report()
    desk.pass_time(WINDOW)
    assert desk.digests == []
    assert [key for key in desk.rows.rows if key.startswith("digest/")] == []


def test_after_the_window_it_is_told_again(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW)
    desk.report()
    desk.report()
    assert isinstance(desk.report(after=WINDOW), ProblemRepeated)
    assert isinstance(desk.report(), ProblemSuppressed)


SAME: dict[str, Any] = {
    "code": "e.p.a", "thread": None, "text": "x", "scope": "protocol", "service": "s", "sender": "did:a", "job": "j",
    "record_type": "t", "record_id": "rec-a", "http": Http(instance="/a"),
    "severity": Severity.WARNING, "recipients": ["did:b"], "items": [Item(key="did", value="did:y")], "side": "own",
}  # fmt: skip
OTHERS: dict[str, tuple[dict[str, Any], bool]] = {
    "all the same": ({}, True),
    "another id of its message": ({"message_id": "m2"}, True),
    "a thread id made of its message's": ({"thread": "m2", "thread_id_derived": True}, True),
    "another code": ({"code": "e.p.b"}, False),
    "another spelling of the code": ({"code": "e.P.A", "code_key": "e.p.a"}, True),
    "another thread": ({"thread": "t2"}, False),
    "another text": ({"text": "y"}, False),
    "another scope": ({"scope": "message"}, False),
    "another service": ({"service": "s2"}, False),
    "another record": ({"record_id": "rec-b"}, False),
    "a record of another type": ({"record_type": "u"}, False),
    "another job": ({"job": "j2"}, False),
    "another connection of the same sender": ({"connection": "c2"}, False),
    "another instance": ({"http": Http(instance="/b")}, False),
    "what it acknowledges": ({"ack": ["m-2"]}, False),
    "another peer": ({"connection": "c2"}, False),
    "another recipient": ({"recipients": ["did:c"]}, False),
    "an error after its warning": ({"severity": Severity.ERROR}, False),
    "another item": ({"items": [Item(key="did", value="did:x")]}, False),
    "at the other side": ({"side": "peer"}, False),
    "at the other side, as its writer sees it": ({"side": "own", "where_party": "me"}, True),
    "another protocol": ({"message_type": "https://didcomm.org/present-proof/2.0/problem-report"}, False),
}


@pytest.mark.parametrize(("other", "identical"), OTHERS.values(), ids=OTHERS)
def test_what_is_identical(desk_with: Callable[..., Desk], other: dict[str, Any], identical: bool) -> None:
    desk = desk_with(repeat_window=WINDOW)
    desk.report(**SAME)
    second = desk.report(**(SAME | other))
    assert isinstance(second, ProblemSuppressed) is identical


def test_at_my_side_is_not_at_yours_whoever_says_it(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW)
    told = [desk.report("e.p.a", "t", where_party=party, connection="c") for party in ("me", "you", "me")]
    assert [isinstance(each, ProblemSuppressed) for each in told] == [False, False, True]


def test_the_shortage_of_the_other_side_does_not_hide_our_own(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW)
    for message, kind in (("theirs", ActivityKind.MESSAGE_RECEIVED), ("ours", ActivityKind.MESSAGE_SENT)):
        desk.message(kind, "https://didcomm.org/report-problem/2.0/problem-report", None, message_id=message)
        desk.report("e.p.me.res.storage", category="me.res.storage", message_id=message)
    assert "identical" not in desk.reasons


def test_two_records_of_one_thread_are_told_apart_and_named_in_a_digest(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW)
    for record in ("rec-a", "rec-b", "rec-a", "rec-b", "rec-b"):
        http = Http(instance=f"/{record}")
        desk.report(record_id=record, record_type="credential", connection="c", job="j", http=http)
    assert len(desk.told) == 2
    desk.pass_time(WINDOW)
    assert [[(one.record_id, one.count) for one in digest.cases] for digest in desk.digests] == [
        [("rec-a", 1)], [("rec-b", 2)],
    ]  # fmt: skip
    assert desk.letters("problem.digest")[1]["cases"][0].items() >= {
        "thread": "t", "connection": "c", "record_type": "credential", "record_id": "rec-b", "job": "j",
        "instance": "/rec-b",
    }.items()  # fmt: skip


def test_what_has_to_be_equal_is_a_setting(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW, identical=("code",))
    desk.report(text="x", thread="t1")
    assert isinstance(desk.report(text="y", thread="t2"), ProblemSuppressed)
    desk.pass_time(WINDOW)
    assert [one.count for one in desk.digests[0].cases] == [1]


def test_a_case_that_was_resolved_is_opened_again_at_once(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW)
    opened = desk.report()
    desk.report()
    assert isinstance(opened, ProblemOpened)
    resolve = CommandIssued(
        event_id="c1", tenant="acme", occurred_at=desk.now, recorded_at=desk.now, kind=CommandKind.RESOLVE,
        target=opened.case, by="ann",
    )  # fmt: skip
    decide(resolve, desk.rows, desk.now, desk.config)
    again = desk.report()
    assert isinstance(again, ProblemOpened)
    assert again.case == opened.case
    assert isinstance(desk.report(), ProblemSuppressed)
    desk.pass_time(WINDOW)
    assert [digest.count for digest in desk.digests] == [2]


def test_the_row_is_bounded(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW, identical=("scope",))
    for number in range(10 * DIGEST_CASES):
        desk.report("e.p." + "x" * 100, f"t{number}", after=1, text="y" * 60_000, args=["z" * 500] * 32)
    [row] = [row for key in desk.rows.rows if isinstance(row := desk.rows.get(key), DigestRow)]
    assert len(encode_row(row)) < 32 * 1024
    desk.pass_time(WINDOW)
    [digest] = desk.digests
    assert (digest.count, len(digest.cases), digest.more) == (10 * DIGEST_CASES - 1, DIGEST_CASES, 9 * DIGEST_CASES - 1)
    assert len(row.endpoints) <= DIGEST_ENDPOINTS


def test_a_thread_whose_id_is_endless_is_not_remembered(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW)
    for _ in range(3):
        desk.report(thread="t" * 100_000)
    [row] = [row for key in desk.rows.rows if isinstance(row := desk.rows.get(key), DigestRow)]
    assert row.thread is None


def test_a_digest_of_a_thread_that_had_its_limit_notice_is_no_letter(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW, thread_errors=3)
    for _ in range(6):
        desk.report()
    letters = len(desk.letters("problem.opened"))
    desk.pass_time(WINDOW)
    [digest] = desk.digests
    assert (digest.count, digest.endpoints) == (2, [])
    assert desk.letters("problem.digest") == []
    assert letters == 2  # the first, and the limit notice


@pytest.mark.parametrize("changed", [{"audience": "peer"}, {"body": "didcomm-2.0"}], ids=["a peer", "in another form"])
def test_no_digest_goes_to_a_peer_or_in_another_form(desk_with: Callable[..., Desk], changed: dict[str, Any]) -> None:
    desk = desk_with(repeat_window=WINDOW)
    desk.report()
    desk.report()
    owner = Endpoint(name="owner", sink="memory", **changed)
    book = msgspec.structs.replace(desk.config.book, endpoints={**desk.config.book.endpoints, "owner": owner})
    desk.config = DecideConfig(book=book)
    desk.pass_time(WINDOW)
    assert [digest.endpoints for digest in desk.digests] == [[]]
    assert desk.letters("problem.digest") == []


@pytest.mark.parametrize("named", ["the digest", "a report that it lists", "its case"])
@pytest.mark.parametrize("later", [SECOND, 23 * HOUR], ids=["at once", "after most of a day"])
def test_a_digest_is_answered_by_every_id_that_it_names(desk_with: Callable[..., Desk], named: str, later: int) -> None:
    desk = desk_with(repeat_window=WINDOW)
    desk.report()
    desk.report()
    desk.pass_time(WINDOW)
    [data] = desk.letters("problem.digest")
    targets = {
        "the digest": data["event_id"],
        "a report that it lists": data["cases"][0]["last_report"],
        "its case": data["case"],
    }
    desk.pass_time(later)
    resolve = CommandIssued(
        event_id="c1", tenant="acme", occurred_at=desk.now, recorded_at=desk.now, kind=CommandKind.RESOLVE,
        target=targets[named], by="ann",
    )  # fmt: skip
    resolved = [one.event for one in decide(resolve, desk.rows, desk.now, desk.config) if isinstance(one, Emit)]
    assert [event.case for event in resolved if isinstance(event, ProblemResolved)] == [data["case"]]


def test_a_report_that_a_late_digest_names_is_no_repeat_of_its_own(desk_with: Callable[..., Desk]) -> None:
    """What is remembered so that it can be named says nothing of the report's body: it conflicts with none."""
    desk = desk_with(repeat_window=2 * HOUR)
    desk.report()
    desk.report()
    desk.report("e.p.other")
    desk.pass_time(3 * HOUR)
    desk.reports = 1
    assert desk.report(text="another body").event_id
    assert "conflict" not in desk.reasons


def test_a_digest_is_told_to_as_many_as_a_rules_file_may_name() -> None:
    assert DIGEST_ENDPOINTS == CASE_ENDPOINTS == MAX_ENDPOINTS


def test_a_report_is_counted_on_its_case(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(repeat_window=WINDOW)
    for _ in range(5):
        desk.report()
    told = desk.report(after=WINDOW)
    assert isinstance(told, ProblemRepeated)
    assert told.count == 6
