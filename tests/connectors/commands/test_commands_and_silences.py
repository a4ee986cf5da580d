"""Orders from strangers: an event or `Unreadable`, never anything else; times as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.commands import command_issued, ended_silence, moment_of, silence_set, span_of, until_of
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.publish import Origin
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import CommandKind

NOW = 1_800_000_000_000_000
SECOND = 1_000_000
ORIGIN = Origin(tenant="acme")

SPANS = {"45s": 45, "30m": 1800, "2h": 7200, "1h30m": 5400, "7d": 604_800, " 1D2H3M4S ": 93_784}


@pytest.mark.parametrize(("text", "seconds"), SPANS.items(), ids=SPANS)
def test_a_span(text: str, seconds: int) -> None:
    assert span_of(text) == seconds * SECOND


@pytest.mark.parametrize("text", ["", "2", "h", "2x", "1m1h", "-2h", "1.5h", "2h2h", "9999999d", "٣h"])
def test_no_span(text: str) -> None:
    with pytest.raises(Unreadable, match="/for: expected a span"):
        span_of(text)


MOMENTS = {
    "2027-01-15T08:00:00Z": NOW,
    "2027-01-15T09:00:00+01:00": NOW,
    "2027-01-15T08:00:00.000001Z": NOW + 1,
    "2027-01-15 08:00Z": NOW,
}


@pytest.mark.parametrize(("text", "micros"), MOMENTS.items(), ids=MOMENTS)
def test_a_moment(text: str, micros: int) -> None:
    assert moment_of(text) == micros


@pytest.mark.parametrize("text", ["", "tomorrow", "2027-01-15", "2027-01-15T08:00:00", "2027-13-01T00:00:00Z"])
def test_no_moment(text: str) -> None:
    with pytest.raises(Unreadable, match="/until: expected a time with its zone"):
        moment_of(text)


def test_an_end_is_ahead_but_not_far() -> None:
    assert until_of(None, None, NOW) is None
    assert until_of(None, "1s", NOW) == NOW + SECOND
    for until, span in (("2027-01-15T08:00:00Z", None), (None, "0s"), (None, "367d")):
        with pytest.raises(Unreadable, match="a time to come"):
            until_of(until, span, NOW)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(["ann", "2h", "2030-01-01T00:00:00Z", "wait", "give_up"]),
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "field": st.sampled_from(["code", "text", 7, "mood"]),
                "operator": st.sampled_from(["equal", "prefix", "unknown", "like", None]),
                "value": st.one_of(st.text(max_size=300), st.none()),
                "more": st.none(),
            },
        ),
        max_size=3,
    ),
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["by", "why", "until", "for", "choice", "matchers", "starts_at", "span", "x"]), VALUES, max_size=6
)
KINDS = st.sampled_from([kind for kind in CommandKind if kind is not CommandKind.UNKNOWN])


@given(DOCUMENTS, KINDS, st.text(max_size=300))
def test_a_command_or_why_not(document: dict[str, object], kind: CommandKind, target: str) -> None:
    try:
        issued = command_issued(kind, target, document, ORIGIN, by="ann", now=NOW)
    except Unreadable:
        return
    assert (issued.kind, issued.target, issued.tenant) == (kind, target, "acme")
    assert (issued.until is not None) >= (kind is CommandKind.SNOOZE)
    assert (issued.choice is not None) == (kind is CommandKind.CHOOSE)
    assert decode(encode(issued)) == issued


@given(DOCUMENTS)
def test_a_silence_or_why_not(document: dict[str, object]) -> None:
    try:
        silence = silence_set(document, ORIGIN, by="ann", now=NOW)
    except Unreadable:
        return
    assert silence.starts_at < silence.ends_at
    assert silence.matchers
    ended = ended_silence(silence, "bob", now=NOW + 1)
    assert (ended.silence, ended.removed, ended.cause, ended.by) == (silence.silence, True, silence.event_id, "bob")
    assert ended_silence(silence, "eve", now=NOW + 2).event_id == ended.event_id
