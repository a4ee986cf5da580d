"""A problem's ids lead to its thread, in their order; a problem in no thread counts where they lead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.schemas.ids import derived_id
from tocsin.streams.rules.report import case_of

if TYPE_CHECKING:
    from tests.streams.rules.context.conftest import World

OFFER = "https://didcomm.org/issue-credential/2.0/offer-credential"
REPORT = "https://didcomm.org/report-problem/2.0/problem-report"
OWN = {"message_id": "own", "thread_id_derived": True}


def a_thread(world: World, name: str) -> None:
    """A thread whose every id begins with its name."""
    world.sent(
        f"{name}-thread",
        OFFER,
        message_id=f"{name}-message",
        digest=f"{name}-DIGEST",
        record_type="cred-ex",
        record_id=f"{name}-record",
        detail={"request_id": f"{name}-request"},
    )


# what the problem names -> the thread that it leads to, and how it was found
CANDIDATES: dict[str, tuple[str | None, dict[str, Any], str | None, str | None]] = {
    "the parent thread": (None, {"parent_thread_id": "a-thread"}, "a-thread", "parent"),
    "a message of the parent thread": (None, {"parent_thread_id": "a-message"}, "a-thread", "parent"),
    "the thread": ("a-thread", {}, "a-thread", "thread"),
    "the thread as the report's own id": ("a-thread", {"thread_id_derived": True}, "a-thread", "thread"),
    "the report's own message": ("a-message", {"thread_id_derived": True}, "a-thread", "thread"),
    "an acknowledged message": (None, {"ack": ["unknown", "a-message"]}, "a-thread", "ack"),
    "an acknowledged thread": (None, {"ack": ["a-thread"]}, "a-thread", "ack"),
    "any other id that it mentions": (None, {"context_ids": ["a-message"]}, "a-thread", "context"),
    "a digest, in any case": (None, {"message_sha256": "A-digest"}, "a-thread", "digest"),
    "a request id": (None, {"request_id": "a-request"}, "a-thread", "request"),
    "a record": (None, {"record_type": "cred-ex", "record_id": "a-record"}, "a-thread", "record"),
    "a record of another type": (None, {"record_type": "pres-ex", "record_id": "a-record"}, None, None),
    "an id of another kind": (None, {"request_id": "a-record", "message_sha256": "a-message"}, None, None),
    "nothing that is known": ("own", {**OWN, "parent_thread_id": "x", "ack": ["y"]}, "own", None),
    "no id at all": (None, {}, None, None),
}  # fmt: skip


@pytest.mark.parametrize(("thread", "members", "leads_to", "by"), CANDIDATES.values(), ids=CANDIDATES)
def test_each_id_leads_to_the_thread(
    world: World, thread: str | None, members: dict[str, Any], leads_to: str | None, by: str | None
) -> None:
    a_thread(world, "a")
    context = world.problem(thread, **members)
    assert (context.thread_id, context.found_by) == (leads_to, by)
    assert context.state == ("offer-sent" if by else None)
    assert context.record_id == ("a-record" if by else members.get("record_id"))


IN_ORDER: list[tuple[str, dict[str, Any]]] = [
    ("parent", {"parent_thread_id": "parent-thread"}),
    ("thread", {"thread": "thread-thread", "thread_id_derived": True}),
    ("ack", {"ack": ["ack-message"]}),
    ("context", {"context_ids": ["context-message"]}),
    ("digest", {"message_sha256": "digest-digest"}),
    ("request", {"request_id": "request-request"}),
    ("record", {"record_type": "cred-ex", "record_id": "record-record"}),
]


@pytest.mark.parametrize("first", range(len(IN_ORDER)), ids=[by for by, _ in IN_ORDER])
def test_the_first_id_that_leads_somewhere_wins(world: World, first: int) -> None:
    members: dict[str, Any] = {}
    for by, naming in IN_ORDER[first:]:
        a_thread(world, by)
        members |= naming
    context = world.problem(**members)
    by = IN_ORDER[first][0]
    assert (context.thread_id, context.found_by) == (f"{by}-thread", by)


@pytest.mark.parametrize(
    ("parent_of_thread", "by", "state"),
    [
        pytest.param("a-thread", "thread", "request-sent", id="a thread below the parent that is known is nearer"),
        pytest.param(None, "parent", "offer-sent", id="else the parent is where the problem is (DIDComm v2)"),
    ],
)
def test_a_stated_thread_and_a_known_parent(world: World, parent_of_thread: str | None, by: str, state: str) -> None:
    a_thread(world, "a")
    proof = "https://didcomm.org/present-proof/2.0/request-presentation"
    world.sent("stated", proof, parent_thread_id=parent_of_thread)
    context = world.problem("stated", parent_thread_id="a-thread")
    assert (context.thread_id, context.found_by, context.state) == ("stated", by, state)
    assert (context.parents, context.count) == (["a-thread"], 1)
    assert world.thread("stated").count == 1
    assert world.thread("a-thread").count == 0


def test_a_stated_thread_that_nobody_knows_tells_of_its_parent(world: World) -> None:
    a_thread(world, "a")
    context = world.problem("stated", parent_thread_id="a-thread")
    assert (context.thread_id, context.found_by, context.role, context.state_after) == (
        "stated", "parent", "issuer", "null",
    )  # fmt: skip
    assert world.thread("a-thread").state == "null"


def test_a_problem_in_no_thread_counts_where_its_ids_lead(world: World) -> None:
    a_thread(world, "a")
    world.problem("own", message_id="own", thread_id_derived=True, ack=["a-message"], code="w.m.one")
    context = world.problem(None, request_id="a-request", code="w.m.two")
    assert (context.thread_id, context.count, context.codes) == ("a-thread", 2, ["w.m.one", "w.m.two"])
    assert "thread/acme/own" not in world.rows.rows


def test_what_acknowledges_a_report_is_about_the_thread_of_that_report(world: World) -> None:
    a_thread(world, "a")
    world.problem("own", message_id="own", thread_id_derived=True, parent_thread_id="a-thread", code="w.m.one")
    assert world.problem(None, ack=["own"]).thread_id == "a-thread"


@pytest.mark.parametrize("thread", [None, "own", "stated"])
def test_the_case_is_the_same_whatever_was_found(world: World, thread: str | None) -> None:
    report = world.report(thread, thread_id_derived=thread == "own", ack=["a-message"])
    before = case_of(report)
    a_thread(world, "a")
    world.problem(thread, thread_id_derived=thread == "own", ack=["a-message"])
    assert case_of(report) == before == derived_id("case", "acme", thread or report.event_id, "e.p.odd")


def test_the_message_of_a_report_is_not_the_last_message(world: World) -> None:
    a_thread(world, "a")
    world.received("a-thread", REPORT, message_id="r")
    context = world.problem("r", message_id="r", thread_id_derived=True)
    assert (context.thread_id, context.last_message_id, context.last_message_type) == (
        "a-thread", "a-message", OFFER,
    )  # fmt: skip


def test_a_record_that_belongs_to_no_thread(world: World) -> None:
    world.observe(
        "record_changed", record_type="connection", record_id="7", record_state="abandoned", connection="c",
    )  # fmt: skip
    context = world.problem(None, record_type="connection", record_id="7")
    assert (context.thread_id, context.found_by) == (None, "record")
    assert (context.record_type, context.record_id, context.record_state) == ("connection", "7", "abandoned")
    assert context.connection == "c"


def test_a_record_that_has_a_thread_moves_on_without_saying_so(world: World) -> None:
    a_thread(world, "a")
    world.observe("record_changed", record_type="cred-ex", record_id="a-record", record_state="done")
    assert world.problem("a-thread").record_state == "done"


@pytest.mark.parametrize(
    ("record_id", "state"),
    [("a-record", "done"), ("b-record", "open"), ("c-record", None)],
    ids=["the thread's own", "another one that is known", "an unknown one"],
)
def test_the_record_that_a_problem_names_is_told(world: World, record_id: str, state: str | None) -> None:
    a_thread(world, "a")
    world.observe("record_changed", record_type="cred-ex", record_id="a-record", record_state="done")
    world.observe("record_changed", record_type="cred-ex", record_id="b-record", record_state="open")
    context = world.problem("a-thread", record_type="cred-ex", record_id=record_id)
    assert (context.record_id, context.record_state) == (record_id, state)


class CountingRows:
    """Rows that remember which kinds were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(self, key: str) -> None:
        self.asked.append(key)

    def put(self, key: str, row: object, due: int | None = None) -> None: ...

    def delete(self, key: str) -> None: ...

    def due(self, key: str) -> None: ...

    def rows_of(self, scope: str) -> int:
        return 0


def test_what_a_problem_does_not_name_is_not_looked_up(new_world: Any) -> None:
    rows = CountingRows()
    new_world(rows).problem("t")
    assert rows.asked == ["thread/acme/t"]
