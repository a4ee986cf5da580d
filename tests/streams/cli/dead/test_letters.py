"""What a dead letter says of itself, which ones a filter means, and whether one can be replayed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.connectors.subscribe.events import opened
from tests.streams.cli.dead.letters import NOW, REPORT, REQUEST, Headers, a_report, a_request, died, record_of
from tocsin.connectors.subscribe.reading import FOR_GROUP
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import DeliveryRequested
from tocsin.streams.cli.dead.filters import wanted
from tocsin.streams.engine.dead import CUT_HEADER, dead_headers
from tocsin.streams.processes.dead.letter import Opened, line_of
from tocsin.streams.processes.dead.replaying import record_to_write, refusals
from tocsin.streams.processes.exit_codes import CommandFailed
from tocsin.streams.settings import Settings

SETTINGS = Settings(prefix="tocsin.")
OPENED = encode(opened())


def test_a_letter_gets_its_own_headers_back() -> None:
    own = [("ce_id", b"1"), ("traceparent", b"00")]
    added = list(dead_headers("tocsin.inbox", 2, 9, "decode", "not_framed", "the first byte is 0x01"))
    opened = Opened(record_of([*own, *added, ("tocsin.attempts", b"3")]))
    letter = opened.letter()
    assert (letter.id, letter.reason, letter.topic, letter.offset) == ("3:7", "not_framed", "tocsin.inbox", "9")
    assert opened.original_headers() == own


def test_a_letter_may_know_nothing() -> None:
    letter = Opened(record_of([("x", b"\xff")], None)).letter()
    assert (letter.reason, letter.topic, letter.bytes) == ("unknown", "", 0)


@given(
    headers=st.lists(
        st.tuples(st.sampled_from(["tocsin.reason", "ce_type", "ce_tenant", "x"]), st.none() | st.binary()), max_size=6
    ),
    value=st.none() | st.binary() | st.binary().map(lambda some: REPORT[:5] + some),
    key=st.none() | st.binary(),
)
def test_whatever_a_stranger_wrote_is_a_letter_on_one_line(headers: Any, value: bytes | None, key: Any) -> None:
    opened = Opened(record_of(headers, value, key=key))
    assert "\n" not in line_of(opened.letter())
    assert "\x1b" not in line_of(opened.letter())
    assert wanted().fits(opened) == (opened.reason != "not_a_problem")
    refusals(SETTINGS)(opened)


def an_event(event: Any) -> Opened:
    return Opened(record_of(died("exhausted", "deliver", "tocsin.deliveries"), encode(event), key=b"owner"))


LETTERS = {
    "a report": Opened(record_of(died("not_understood"), REPORT)),
    "of another tenant": Opened(
        record_of(died("not_understood"), encode(a_report("e.p.msg", "globex")), key=b"globex")
    ),
    "a delivery": an_event(a_request()),
    "to the desk": an_event(a_request(endpoint="desk")),
    "bytes": Opened(record_of(died("not_framed"))),
    "bytes that claim to be something": Opened(
        record_of(died("truncated", ce_type=b"io.tocsin.ProblemReported", ce_tenant=b"globex"), REPORT[:-3])
    ),
    "an unreadable attempt": Opened(record_of(died("truncated", "dispatch", "tocsin.attempts"), b"\x01", key=b"owner")),
    "an old one": Opened(record_of(died("old"), REPORT, at=NOW - 7_200_000)),
    "of a subscriber": Opened(
        record_of([*died("handler_failed", "subscriber", "tocsin.problems"), (FOR_GROUP, b"billing")], OPENED)
    ),
    "a document": Opened(record_of(died("not_a_problem", "gateway", ""), b"{}")),
}
ALL = frozenset(LETTERS) - {"a document"}
# the filter | the letters that it means
FILTERS: dict[str, tuple[dict[str, Any], set[str] | frozenset[str]]] = {
    "none": ({}, ALL),
    "a reason": ({"reason": ["not_framed"]}, {"bytes"}),
    "two reasons": ({"reason": ["not_framed", "old"]}, {"bytes", "an old one"}),
    "documents": ({"reason": ["not_a_problem"]}, {"a document"}),
    "a stage": ({"stage": ["dispatch"]}, {"an unreadable attempt"}),
    "a topic": ({"topic": ["deliveries"]}, {"a delivery", "to the desk"}),
    "a topic by its full name": ({"topic": ["tocsin.attempts"]}, {"an unreadable attempt"}),
    "a part of a topic's name": ({"topic": ["box"]}, set()),
    "an endpoint": ({"endpoint": ["owner"]}, {"a delivery", "an unreadable attempt"}),
    "a group of subscribers": ({"group": ["billing"]}, {"of a subscriber"}),
    "another group": ({"group": ["bill"]}, set()),
    "a tenant": ({"tenant": ["globex"]}, {"of another tenant", "bytes that claim to be something"}),
    "the tenant of bytes, by their key": ({"tenant": ["acme"], "reason": ["not_framed"]}, {"bytes"}),
    "a code": ({"code": ["e.p.msg"]}, {"of another tenant"}),
    "a code and what is below it": (
        {"code": ["e.p.xfer"]}, {"a report", "a delivery", "to the desk", "an old one", "of a subscriber"},
    ),
    "a part of a token": ({"code": ["e.p.xf"]}, set()),
    "a type": ({"kind": ["DeliveryRequested"]}, {"a delivery", "to the desk"}),
    "a type in other letters": (
        {"kind": ["problem_reported"]},
        {"a report", "of another tenant", "an old one", "bytes that claim to be something"},
    ),
    "since an hour ago": ({"since": "1h"}, ALL - {"an old one"}),
    "until an hour ago": ({"until": "1h"}, {"an old one"}),
    "between": ({"since": "2h", "until": "1h"}, {"an old one"}),
    "two that exclude each other": ({"reason": ["old"], "since": "1h"}, set()),
}  # fmt: skip


@pytest.mark.parametrize(("options", "meant"), FILTERS.values(), ids=list(FILTERS))
def test_a_filter_means(options: dict[str, Any], meant: set[str]) -> None:
    chosen = wanted(**options, now=NOW * 1000)
    assert {name for name, letter in LETTERS.items() if chosen.fits(letter)} == meant


TIMES = {
    "no time": {"since": "yesterday"},
    "a time without a zone": {"until": "2030-01-31T18:00:00"},
    "backwards": {"since": "1h", "until": "2h"},
}


@pytest.mark.parametrize("options", TIMES.values(), ids=list(TIMES))
def test_a_filter_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(CommandFailed) as failed:
        wanted(**options, now=NOW * 1000)
    assert failed.value.exit_code == 2


# headers, value | why it cannot be replayed, None when it can
REPLAYABLE: dict[str, tuple[Headers, bytes | None, str | None]] = {
    "a report": (died("raised"), REPORT, None),
    "a delivery": (died("exhausted", "deliver", "tocsin.deliveries"), REQUEST, None),
    "a document": (died("not_a_problem", "gateway", ""), b"{}", "never was a record"),
    "the row of a timer": (died("raised", "timer"), b"row", "the row of a timer"),
    "a gap of retention": (died("retention", "input"), b"", "holds no record"),
    "a broken batch": (died("batch_unreadable"), b"batch", "holds no record"),
    "no value": (died("empty"), None, "holds no record"),
    "a cut one": (
        [*died("too_large"), (CUT_HEADER, b"value: 9000000 bytes, sha256 ab")], b"x", "was too large (value: 9000000",
    ),
    "a setting": (died("setting_unusable", "settings", "tocsin.settings"), REPORT, "set it anew"),
    "of a topic of others": (died("raised", topic="payments"), REPORT, "which of our topics"),
    "of `dead` itself": (died("raised", topic="tocsin.dead"), REPORT, "never written into that topic"),
    "what this release cannot read": (died("not_framed"), b"\x01", "this release cannot read it either (not_framed)"),
    "what ends early": (died("truncated"), REPORT[:-3], "this release cannot read it either (truncated)"),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "value", "why"), REPLAYABLE.values(), ids=list(REPLAYABLE))
def test_what_can_be_replayed(headers: Headers, value: bytes | None, why: str | None) -> None:
    opened = Opened(record_of(headers, value))
    found = refusals(SETTINGS)(opened)
    assert found is None if why is None else why in (found or "")
    even = refusals(SETTINGS, even_unreadable=True)(opened)
    assert (even is None) == (why is None or "this release" in why)


def test_a_report_is_written_again_as_it_was() -> None:
    opened = Opened(record_of([("ce_id", b"1"), *died("raised")], REPORT))
    assert record_to_write(opened) == (REPORT, [("ce_id", b"1")])


def test_what_a_subscriber_put_aside_is_for_its_group_alone() -> None:
    opened = LETTERS["of a subscriber"]
    assert refusals(SETTINGS)(opened) is None
    assert record_to_write(opened) == (OPENED, [(FOR_GROUP, b"billing")])
    assert "handler_failed (subscriber billing)" in line_of(opened.letter())


@pytest.mark.parametrize("before", [0, 4])
def test_a_delivery_is_marked_and_keeps_its_id(before: int) -> None:
    request = a_request(replay=before)
    value, headers = record_to_write(an_event(request))
    again = decode(value)
    assert isinstance(again, DeliveryRequested)
    assert replace(again, event_id=request.event_id, replay=before) == request
    assert again.replay == before + 1
    assert dict(headers)["ce_id"] == again.event_id.encode()
    assert record_to_write(an_event(request)) == (value, headers), "the same letter is the same replay"
