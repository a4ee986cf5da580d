"""Any event comes back as it was; any bytes give an event or Undecodable; any object gives bytes or Unencodable."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.fuzzing import examples
from tocsin.schemas.codec import MAX_BYTES, SHIPPED, decode, decode_as, encode
from tocsin.schemas.errors import Undecodable, UndecodableReason, Unencodable, UnencodableReason
from tocsin.schemas.events import EVENTS, DeliveryAttempt, Event, EventBase, ProblemReported, Tick
from tocsin.schemas.problem import Problem, Severity

IDS = {entry.event_name: entry.id for entry in SHIPPED.written()}
COMMON: dict[str, Any] = {"event_id": "e", "tenant": "t", "occurred_at": 1, "recorded_at": 2}
TICK = Tick(**COMMON, partition=3)
ATTEMPT = DeliveryAttempt(
    **COMMON, delivery_id="d", endpoint="ops", attempt=1, about="e", content_type="text/plain", body=b""
)
REPORTED = ProblemReported(**COMMON, problem=Problem(dialect="canonical", code="e.p"))


def framed(event: str, value: bytes) -> bytes:
    return b"\0" + IDS[event].to_bytes(4, "big") + value


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_comes_back_as_it_was(event: str) -> None:
    @settings(max_examples=examples(30, 100))
    @given(st.from_type(EVENTS[event]))
    def comes_back(value: Event) -> None:
        data = encode(value)
        assert data[:5] == framed(event, b"")
        assert decode(data) == value
        assert encode(decode(data)) == data

    comes_back()


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_stable(data: bytes) -> None:
    _refused_or_stable(data)


@given(st.sampled_from(sorted(EVENTS)), st.binary(max_size=300))
def test_any_bytes_behind_a_known_schema_are_refused_or_stable(event: str, value: bytes) -> None:
    _refused_or_stable(framed(event, value))


@given(st.data())
def test_damaged_events_are_refused_or_stable(data: st.DataObject) -> None:
    whole = encode(data.draw(st.from_type(ProblemReported)))
    at = data.draw(st.integers(5, len(whole) - 1))
    _refused_or_stable(whole[:at] + data.draw(st.binary(max_size=12)) + whole[at + data.draw(st.integers(0, 3)) :])


def _refused_or_stable(data: bytes) -> None:
    try:
        event = decode(data)
    except Undecodable:
        return
    assert decode(encode(event)) == event


@given(st.from_type(ProblemReported), st.data())
def test_every_cut_is_noticed(event: ProblemReported, data: st.DataObject) -> None:
    whole = encode(event)
    with pytest.raises(Undecodable) as refused:
        decode(whole[: data.draw(st.integers(1, len(whole) - 1))])
    assert refused.value.reason in (UndecodableReason.TRUNCATED, UndecodableReason.MALFORMED)


@pytest.mark.parametrize(
    ("what", "data", "reason"),
    [
        ("no value (a tombstone)", None, "empty"),
        ("no bytes", b"", "empty"),
        ("JSON", b'{"code": "e.p"}', "not_framed"),
        ("half a frame", b"\0\0\0", "truncated"),
        ("somebody else's schema", b"\0\0\0\0\7abc", "unknown_schema"),
        ("the id before ours", b"\0" + (999).to_bytes(4, "big"), "unknown_schema"),
        ("the id after ours", b"\0" + (2000).to_bytes(4, "big"), "unknown_schema"),
        ("a newer Tocsin's schema", b"\0" + (1999).to_bytes(4, "big") + b"abc", "unknown_own_schema"),
        ("nothing after the frame", framed("Tick", b""), "truncated"),
        ("a byte missing at the end", encode(TICK)[:-1], "truncated"),
        ("a byte of the last text missing", encode(ATTEMPT)[:-3], "truncated"),
        ("a byte too many", encode(TICK) + b"\0", "trailing_bytes"),
        ("a text that is not UTF-8", framed("Tick", b"\x02\xff"), "malformed"),
        ("a text of negative length", framed("Tick", b"\x01"), "malformed"),
        ("an integer of eleven bytes", framed("Tick", b"\xff" * 10 + b"\1"), "malformed"),
        ("an integer of 65 bits", framed("Tick", b"\0\0" + b"\xff" * 9 + b"\2"), "malformed"),
        ("a union branch that is not there", framed("Tick", b"\0\0\0\0\4"), "malformed"),
        ("as large as allowed, but no event", b"\0" * MAX_BYTES, "unknown_schema"),
        ("larger than allowed", b"\0" * (MAX_BYTES + 1), "too_large"),
    ],
)
def test_what_is_not_an_event_has_a_reason(what: str, data: bytes | None, reason: str) -> None:
    with pytest.raises(Undecodable) as refused:
        decode(data)
    assert refused.value.reason == reason
    assert str(refused.value).startswith(f"{reason}: ")


def test_a_symbol_that_is_not_there_is_malformed() -> None:
    data = encode(REPORTED)
    at = data.index(bytes([2 * list(Severity).index(Severity.UNKNOWN)]), data.index(b"e.p") + 3)
    with pytest.raises(Undecodable) as refused:
        decode(data[:at] + b"\x7e" + data[at + 1 :])
    assert refused.value.reason is UndecodableReason.MALFORMED


def test_a_reader_may_allow_less_or_more() -> None:
    data = encode(ATTEMPT)
    assert decode(data, max_bytes=len(data)) == ATTEMPT
    with pytest.raises(Undecodable, match="too_large"):
        decode(data, max_bytes=len(data) - 1)


def test_a_reader_may_expect_one_type() -> None:
    assert decode_as(encode(TICK), Tick) == TICK
    assert decode_as(encode(TICK), EventBase) == TICK
    with pytest.raises(Undecodable, match="wrong_type: Tick where ProblemReported belongs"):
        decode_as(encode(TICK), ProblemReported)


class _NotOurs(EventBase, frozen=True, kw_only=True):
    partition: int


class _Impostor(EventBase, frozen=True, kw_only=True):
    partition: int


_Impostor.__name__ = "Tick"


def _attempt(**wrong: Any) -> DeliveryAttempt:
    return DeliveryAttempt(**{**{f: getattr(ATTEMPT, f) for f in ATTEMPT.__struct_fields__}, **wrong})


def _reported(**wrong: Any) -> ProblemReported:
    return ProblemReported(**COMMON, problem=Problem(**{"dialect": "canonical", "code": "e.p", **wrong}))


@pytest.mark.parametrize(
    ("what", "event", "reason"),
    [
        ("not an event", "tick", "not_an_event"),
        ("a struct that is not ours", _NotOurs(**COMMON, partition=1), "not_an_event"),
        ("a struct that only has the name of ours", _Impostor(**COMMON, partition=1), "not_an_event"),
        ("text where an integer belongs", _attempt(attempt="1"), "breaks_schema"),
        ("a float where an integer belongs", _attempt(attempt=1.5), "breaks_schema"),
        ("nothing where an integer belongs", _attempt(attempt=None), "breaks_schema"),
        ("an integer of 65 bits", _attempt(attempt=2**63), "breaks_schema"),
        ("a negative one of 65 bits", _attempt(attempt=-(2**63) - 1), "breaks_schema"),
        ("nothing where text belongs", _attempt(tenant=None), "breaks_schema"),
        ("bytes where text belongs", _attempt(tenant=b"t"), "breaks_schema"),
        ("bytes where optional text belongs", _attempt(lane=b"l"), "breaks_schema"),
        ("a lone surrogate", _attempt(tenant="\ud800"), "breaks_schema"),
        ("text where bytes belong", _attempt(body="x"), "breaks_schema"),
        ("nothing where bytes belong", _attempt(body=None), "breaks_schema"),
        ("a symbol that is not there", _reported(severity="fatal"), "breaks_schema"),
        ("nothing where a symbol belongs", _reported(severity=None), "breaks_schema"),
        ("nothing where a truth value belongs", _reported(conformant=None), "breaks_schema"),
        ("text where a list belongs", _reported(args="abc"), "breaks_schema"),
        ("empty text where a list belongs", _reported(args=""), "breaks_schema"),
        ("nothing where a list belongs", _reported(args=None), "breaks_schema"),
        ("nothing where a map belongs", _reported(localized=None), "breaks_schema"),
        ("a list where a map belongs", _reported(localized=[]), "breaks_schema"),
        ("a number in a list of texts", _reported(args=[1]), "breaks_schema"),
        ("a number in a map of texts", _reported(localized={"en": 1}), "breaks_schema"),
        ("a text where a record belongs", _reported(source="me"), "breaks_schema"),
        ("an event of more than 1 MiB", _attempt(body=b"x" * MAX_BYTES), "too_large"),
    ],
)
def test_what_cannot_be_written_has_a_reason(what: str, event: Any, reason: str) -> None:
    with pytest.raises(Unencodable) as refused:
        encode(event)
    assert refused.value.reason == UnencodableReason(reason)
    assert str(refused.value).startswith(f"{reason}: ")


@pytest.mark.parametrize(
    ("what", "event", "same"),
    [
        ("a tuple as a list", _reported(args=("a",)), _reported(args=["a"])),
        ("an empty tuple as a list", _reported(args=()), _reported(args=[])),
        ("a symbol as text", _reported(severity="error"), _reported(severity=Severity.ERROR)),
        ("bytes-like as bytes", _attempt(body=bytearray(b"x")), _attempt(body=b"x")),
    ],
)
def test_what_means_the_same_is_written_the_same(what: str, event: Event, same: Event) -> None:
    assert encode(event) == encode(same)


def test_largest_event_is_exactly_the_limit() -> None:
    room = MAX_BYTES - len(encode(_attempt(body=b"x" * 500_000))) + 500_000
    assert len(encode(_attempt(body=b"x" * room))) == MAX_BYTES
    with pytest.raises(Unencodable, match="too_large"):
        encode(_attempt(body=b"x" * (room + 1)))
