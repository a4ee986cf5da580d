"""What people read of each kind of notification, in their language, and in as little room as there is."""

# ruff: noqa: RUF001 - signs that look alike are the point

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.connectors.people.notifications import CASE, CODE, notification
from tocsin.connectors.people.letter import Form, Link, Room, letter
from tocsin.connectors.people.told import Text, Told, told_of
from tocsin.connectors.people.words import _WORDS, LANGUAGES, words_in

NAMES = (*Told.__struct_fields__, "type", "problem", "thread", "wording", "source", "http", "from", "language",
         "record_type", "thread_id", "waited_seconds", "first_seen")  # fmt: skip
LINKS = tuple(Link(does, f"https://bus.example/v1/act/{does}-token") for does in ("acknowledge", "resolve", "open"))


def told(kind: str = "problem.opened", **data: Any) -> Told:
    found = told_of(notification(kind, **data))
    assert found is not None
    return found


# the notification -> its title, and what must be in its body
KINDS: dict[str, tuple[Told, str, tuple[str, ...]]] = {
    "opened": (
        told(),
        "🔴 Error: The endpoint cannot be used",
        ("Nothing could be sent there", "What helps: Check the address", "Reported: The mediator does not answer",
         f"Code: {CODE}", "Count: 3, since 2026-11-30 01:02:03 UTC", "Service: issuer", "Connection: c-1",
         "Thread: t-1", "Record: credential 7", "Protocol: issue-credential", "Tenant: acme", f"Case: {CASE}"),
    ),
    "only claimed": (
        told(problem={"severity": "error", "code": CODE, "source": {"trust": "claimed"}}),
        "🔴 Error, not proven: The endpoint cannot be used",
        (),
    ),
    "what the peer said": (
        told(problem={"severity": "error", "code": CODE, "source": {"side": "peer"}}),
        "🔴 Error: The endpoint cannot be used",
        ("Side: the other",),
    ),
    "repeated": (told("problem.repeated"), "🔴 Again, Error: The endpoint cannot be used", ()),
    "a page": (
        told("escalation.stepped", policy="on-call", step=2, repeat=1, cycle=1),
        "🚨 Step 3, Error: The endpoint cannot be used",
        ("Escalation: on-call, Step 3, repeat 1, cycle 2",),
    ),
    "resolved": (
        told("problem.resolved", by="bob", why="the mediator is back"),
        "✅ Resolved: The endpoint cannot be used",
        ("By: bob", "Why: the mediator is back"),
    ),
    "a time-out": (
        told("timeout.noticed", choice="retry", retry_at="2026-11-30T01:03:00.000Z", waited_seconds=31.5),
        "⏳ No reply: The endpoint cannot be used",
        ("Decided: try again, 2026-11-30 01:03:00 UTC", "Waited: 32 s"),
    ),
    "a digest": (
        told("problem.digest", more=4, cases=[{"code": CODE, "count": 2}, {"code": "e.p.x", "count": 9}]),
        "🔴 Digest, Error: The endpoint cannot be used",
        (f"Digest: {CODE} x2, e․p․x x9, 4 more",),
    ),
    "a reminder": (told("problem.digest", why="repeat"), "🔴 Still open, Error: The endpoint cannot be used", ()),
    "a limit notice": (
        told(problem={"code": "e.p.req.max-errors-exceeded", "severity": "error", "text": "Maximum errors exceeded"},
             wording={}),
        "🔴 Error: Maximum errors exceeded",
        ("Code: e.p.req.max-errors-exceeded",),
    ),
    "a report of an endpoint": (
        told(tenant="tocsin", wording={}, problem={"code": "w.m.me.res.endpoint-failing", "severity": "warning",
             "text": "Endpoint desk has taken nothing"}),
        "🟠 Warning: Endpoint desk has taken nothing",
        ("Tenant: tocsin",),
    ),
    "a ping": (
        told_of({"type": "endpoint.ping", "data": {"endpoint": "ann", "tenant": "acme"}}) or Told(),
        "🔔 Test: ann",
        ("Nothing has happened: somebody looks whether you are reached here.", "Tenant: acme"),
    ),
    "nothing that is known": (Told(), "⚪ Problem: ", ()),
}  # fmt: skip


@pytest.mark.parametrize(("given_", "title", "parts"), KINDS.values(), ids=list(KINDS))
def test_each_kind_says_what_it_is(given_: Told, title: str, parts: tuple[str, ...]) -> None:
    written = letter(given_, words_in(["en"]), LINKS)
    assert written.title == title
    assert [part for part in parts if part not in written.body.splitlines()] == [], written.body


def test_links_stand_at_the_end() -> None:
    text = letter(told(), words_in(["de"]), LINKS).body.splitlines()
    assert text[-3:] == [
        "Übernehmen: https://bus.example/v1/act/acknowledge-token",
        "Lösen: https://bus.example/v1/act/resolve-token",
        "Öffnen: https://bus.example/v1/act/open-token",
    ]
    marked = letter(told(), words_in(["de"]), LINKS, "markdown").body
    assert "[Übernehmen](https://bus.example/v1/act/acknowledge-token)" in marked


def test_a_replay_says_so() -> None:
    assert "Sent again by replay" in letter(told(), words_in([]), replayed=True).body.splitlines()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_word(language: str) -> None:
    words = words_in([language])
    assert words.keys() == _WORDS.keys()
    assert all(words.values())


@pytest.mark.parametrize(
    "room", [Room(40, 0), Room(70, 0), Room(160, 0), Room(300, 40), Room(500, 0), Room(1000, 60)], ids=str
)
@pytest.mark.parametrize("form", get_args(Form))
def test_in_little_room_title_and_code_stay_and_the_first_link_next(room: Room, form: Form) -> None:
    long = told(
        problem={"code": CODE, "severity": "error", "text": "long " * 300}, wording={"title": {"text": "T" * 300}}
    )
    written = letter(long, words_in([]), LINKS, form, room)
    assert len(written.body) + (0 if room.title else len(written.title) + 2) <= max(room.body, len(written.title) + 3)
    assert len(written.title) <= (room.title or 150)
    assert "…" in written.title
    if room.body >= 500:
        assert CODE in written.body
        assert LINKS[0].url in written.body


@given(
    st.builds(
        Told, kind=st.text(max_size=20), severity=st.text(max_size=9), code=st.text(max_size=50), text=st.text(),
        about=st.dictionaries(st.sampled_from(["service", "thread", "job"]), st.text(max_size=200)),
        policy=st.text(max_size=20), count=st.integers(0, 10**9), since=st.text(max_size=30), case=st.text(max_size=40),
    ),
    st.integers(200, 2000),
    st.sampled_from(get_args(Form)),
)  # fmt: skip
def test_any_notification_fits_its_room_in_one_subject(given_: Told, room: int, form: Form) -> None:
    written = letter(given_, words_in([]), LINKS[:1], form, Room(room, 150))
    assert len(written.body) <= room
    assert not set("\r\n") & set(written.title)
    assert "@" not in written.title + written.body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_whatever_a_notification_holds_it_is_read_and_shown(data: dict[str, Any]) -> None:
    found = told_of({"type": data.get("type"), "data": data})
    assert found is not None
    assert letter(found, words_in([]), LINKS).title


def test_a_body_that_is_none_of_ours() -> None:
    bodies: list[Any] = [None, [], "x", {}, {"data": [1]}]
    assert [told_of(body) for body in bodies] == [None] * 5
    assert told_of({"data": {"problem": 7, "thread": [], "wording": {"title": 3}, "count": True}}) == Told()


@pytest.mark.parametrize(
    "told",
    [Told(), Told(title=Text("Out of credit"), text="Out of credit")],
    ids=["nothing is said", "all is in the title"],
)
@pytest.mark.parametrize("form", ["text", "markdown"])
def test_there_is_always_something_to_send(told: Told, form: Form) -> None:
    written = letter(told, words_in([]), form=form)
    assert written.title
    assert written.body
