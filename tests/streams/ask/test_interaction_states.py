"""Where a thread stands after each entry of its time line: whole exchanges, from either side, and pieces of them."""

from __future__ import annotations

import msgspec
import pytest

from tocsin.connectors.store.structs import Activity, CaseEvent, Entry, ProblemLine
from tocsin.streams.ask.interaction_states import course_of, states_of

ISSUE = "https://didcomm.org/issue-credential/2.0"
PROVE = "https://didcomm.org/present-proof/2.0"


def message(sent: bool, message_type: str, thread: str = "t-1") -> dict[str, object]:
    kind = "message_sent" if sent else "message_received"
    return {"type": Activity, "kind": kind, "message_type": message_type, "thread_id": thread}


def sent(name: str, thread: str = "t-1") -> dict[str, object]:
    return message(True, f"{ISSUE}/{name}", thread)


def received(name: str, thread: str = "t-1") -> dict[str, object]:
    return message(False, f"{ISSUE}/{name}", thread)


def struck(state: str | None, after: str | None, thread: str = "t-1") -> dict[str, object]:
    return {"type": ProblemLine, "state": state, "state_after": after, "thread_id": thread}


def line_of(*story: dict[str, object]) -> list[Entry]:
    """The time line of a story, newest first; entry n is called `n`."""
    entries = []
    for number, told in enumerate(story):
        kind: type = told["type"]  # type: ignore[assignment]
        fields: dict[str, object] = dict.fromkeys(field.name for field in msgspec.structs.fields(kind))
        given = {name: value for name, value in told.items() if name != "type"}
        entries.append(kind(**fields | {"id": str(number), "at": number} | given))
    return entries[::-1]


STORIES: dict[str, tuple[list[dict[str, object]], list[str | None]]] = {
    "an issuer, from the proposal to the acknowledgement": (
        [received("propose-credential"), sent("offer-credential"), received("request-credential"),
         sent("issue-credential"), received("ack")],
        ["proposal-received", "offer-sent", "request-received", "credential-issued", "done"],
    ),
    "the holder of the same": (
        [sent("propose-credential"), received("offer-credential"), sent("request-credential"),
         received("issue-credential"), sent("ack")],
        ["proposal-sent", "offer-received", "request-sent", "credential-received", "done"],
    ),
    "a problem ends it": (
        [sent("offer-credential"), received("request-credential"), struck("request-received", "null")],
        ["offer-sent", "request-received", "null"],
    ),
    "a problem that changes nothing": (
        [sent("offer-credential"), struck("offer-sent", "offer-sent"), received("request-credential")],
        ["offer-sent", "offer-sent", "request-received"],
    ),
    "nobody can say where a problem led": (
        [sent("offer-credential"), struck("offer-sent", None), {"type": CaseEvent, "thread_id": "t-1"}],
        ["offer-sent", None, None],
    ),
    "a problem of which nothing is decided yet": (
        [sent("offer-credential"), struck(None, None), received("request-credential")],
        ["offer-sent", "offer-sent", "request-received"],
    ),
    "the decision knows better than what was seen": (
        [sent("offer-credential"), struck("request-received", "request-received"), sent("issue-credential")],
        ["offer-sent", "request-received", "credential-issued"],
    ),
    "it begins in the middle, behind a problem: the issuer goes on": (
        [struck("request-received", "request-received"), sent("issue-credential"), received("ack")],
        ["request-received", "credential-issued", "done"],
    ),
    "it begins in the middle, with a message that begins nothing": (
        [sent("issue-credential"), received("ack")], [None, None],
    ),
    "a message that is not expected changes nothing": (
        [sent("offer-credential"), sent("issue-credential")], ["offer-sent", "offer-sent"],
    ),
    "what is no message changes nothing": (
        [sent("offer-credential"),
         {"type": Activity, "kind": "record_changed", "thread_id": "t-1", "message_type": None},
         {"type": CaseEvent, "thread_id": "t-1"}],
        ["offer-sent", "offer-sent", "offer-sent"],
    ),
    "two threads of a connection": (
        [sent("offer-credential", "t-1"), message(True, f"{PROVE}/request-presentation", "t-2"),
         received("request-credential", "t-1"), message(False, f"{PROVE}/presentation", "t-2")],
        ["offer-sent", "request-sent", "request-received", "presentation-received"],
    ),
    "entries without a thread": (
        [{"type": Activity, "kind": "job_started"}, {"type": ProblemLine, "state": "x", "state_after": "y"}],
        [None, None],
    ),
    "a problem whose thread only its context knows": (
        [sent("offer-credential"), {"type": ProblemLine, "context_thread": "t-1", "state": "offer-sent",
                                    "state_after": "null"}],
        ["offer-sent", "null"],
    ),
    "a protocol that is not known, and no message type": (
        [message(True, "https://example.org/chess/1.0/move"), message(False, "what"), message(True, "")],
        [None, None, None],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("story", "states"), STORIES.values(), ids=STORIES)
def test_where_it_stands_after_each(story: list[dict[str, object]], states: list[str | None]) -> None:
    found = states_of(line_of(*story))
    assert [found[name].state if name in found else None for name in map(str, range(len(story)))] == states


def test_the_protocol_and_the_role_are_told() -> None:
    found = states_of(line_of(sent("offer-credential"), received("offer-credential", "t-2")))
    assert [(one.protocol, one.role) for one in found.values()] == [(ISSUE, "issuer"), (ISSUE, "holder")]


def course(*story: dict[str, object]) -> list[str]:
    """The states with what is known of each: `+` passed, `*` where it stands, `!` and `?` for what struck or was
    missed there."""
    entries = line_of(*story)
    return [
        f"{'*' if one.current else '+' if one.passed else '-'}{one.state}{'!' * len(one.problems)}"
        f"{'?' * len(one.timeouts)}{'.' if one.final else ''}"
        for one in course_of(entries, states_of(entries))
    ]


LATE = {"type": CaseEvent, "thread_id": "t-1", "kind": "TimeoutNoticed"}
COURSES: dict[str, tuple[list[dict[str, object]], list[str]]] = {
    "an offer, an error in it, and a reply that was late": (
        [sent("offer-credential"), struck("offer-sent", "offer-sent"), LATE, received("request-credential")],
        ["+null", "-proposal-received", "+offer-sent!?", "*request-received", "-credential-issued", "-done."],
    ),
    "all of it": (
        [received("request-credential"), sent("issue-credential"), received("ack")],
        ["+null", "-proposal-received", "-offer-sent", "+request-received", "+credential-issued", "*done."],
    ),
    "a problem ended it": (
        [sent("offer-credential"), struck("offer-sent", "null")],
        ["*null", "-proposal-received", "+offer-sent!", "-request-received", "-credential-issued", "-done."],
    ),
    "a state that the protocol does not have": (
        [sent("offer-credential"), struck("offer-sent", "abandoned")],
        ["+null", "-proposal-received", "+offer-sent!", "-request-received", "-credential-issued", "-done.",
         "*abandoned"],
    ),
    "a report with a thread of its own": (
        [sent("offer-credential"), struck("offer-sent", "null", "m-9"), LATE],
        ["*null?", "-proposal-received", "+offer-sent!", "-request-received", "-credential-issued", "-done."],
    ),
    "a protocol that is not known": ([message(True, "https://example.org/chess/1.0/move"), struck("a", "b")], []),
    "nothing but a problem": ([struck(None, None)], []),
}  # fmt: skip


@pytest.mark.parametrize(("story", "states"), COURSES.values(), ids=COURSES)
def test_the_course_through_the_states(story: list[dict[str, object]], states: list[str]) -> None:
    assert course(*story) == states
