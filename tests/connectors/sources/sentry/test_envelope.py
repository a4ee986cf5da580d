"""Envelopes: what is written is read; what lies, is torn or too large is refused, and says where."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.fuzzing import examples
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.publish import InboxEvent, Origin
from tocsin.connectors.sources import port
from tocsin.connectors.sources.port import Heard, Message
from tocsin.connectors.sources.sentry import ENVELOPES, STORE
from tocsin.connectors.sources.sentry.envelope import MAX_HEADER, MAX_ITEMS, read_envelope
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import ProblemReported

EVENT_ID = "9ec79c33ec9942ab8353589fcb2e04dc"
SECONDS = 5.0
"""CPU time that one message may take."""


def message(body: bytes, project: str = "1") -> Message:
    return Message(body=body, origin=Origin(tenant="t"), topic=project, now=1_790_000_000_000_000)


def written(headers: object, *items: tuple[dict[str, Any], bytes, bool], last: bytes = b"\n") -> bytes:
    """An envelope as the specification has it: each payload with its length, if it is said, and a newline behind it."""
    lines = [json.dumps(headers).encode()]
    for header, payload, said in items:
        lines += [json.dumps(header | ({"length": len(payload)} if said else {})).encode(), payload]
    return b"\n".join(lines) + last


payloads = st.binary(max_size=40)
names = st.text(max_size=8)
items = st.lists(
    st.tuples(st.fixed_dictionaries({"type": names}, optional={"x": st.integers() | names}), payloads, st.booleans()),
    max_size=8,
)


@settings(max_examples=examples(200, 10_000))
@given(headers=st.dictionaries(names, names, max_size=3), items=items, last=st.sampled_from([b"", b"\n", b"\n\n"]))
def test_what_is_written_is_read(
    headers: dict[str, str], items: list[tuple[dict[str, Any], bytes, bool]], last: bytes
) -> None:
    items = [(header, payload if said else payload.replace(b"\n", b""), said) for header, payload, said in items]
    if items and not items[-1][2] and not items[-1][1]:
        last = b"\n"  # an empty payload at the end needs its line
    read = read_envelope(written(headers, *items, last=last))
    assert read.headers == headers
    assert [(one.type, one.payload) for one in read.items] == [(header["type"], it) for header, it, _ in items]
    assert [one.at for one in read.items] == [f"/items/{number}" for number in range(len(items))]


HEAD = b'{"event_id":"%s"}\n' % EVENT_ID.encode()
READ: dict[str, tuple[bytes, list[bytes]]] = {
    "no items": (HEAD, []),
    "no items and no newline": (HEAD[:-1], []),
    "an empty payload of length 0": (HEAD + b'{"type":"a","length":0}\n\n{"type":"b"}\nx', [b"", b"x"]),
    "an empty payload at the end": (HEAD + b'{"type":"a","length":0}\n', [b""]),
    "an empty payload at the very end": (HEAD + b'{"type":"a","length":0}', [b""]),
    "newlines in a payload with a length": (
        HEAD + b'{"type":"a","length":3}\n\n\n\n\n{"type":"b"}\nx',
        [b"\n\n\n", b"x"],
    ),
    "lines between items": (HEAD + b'\n\r\n{"type":"a"}\nx\n\n\n{"type":"b"}\ny\n\n', [b"x", b"y"]),
    "lines of Windows": (b'{}\r\n{"type":"a"}\r\n{"x":1}\r\n', [b'{"x":1}\r']),
    "lines of Windows, and a length": (
        b'{}\r\n{"type":"a","length":7}\r\n{"x":1}\r\n{"type":"b","length":0}\r\n\r\n',
        [b'{"x":1}', b""],
    ),
    "a length that is null": (HEAD + b'{"type":"a","length":null}\nxy\n', [b"xy"]),
    "a byte order mark": (b"\xef\xbb\xbf" + HEAD + b'{"type":"a"}\nx', [b"x"]),
    "as many items as may be": (HEAD + b'{"type":"a"}\nx\n' * MAX_ITEMS, [b"x"] * MAX_ITEMS),
    "a line as long as may be": (b'{"a":"' + b"x" * (MAX_HEADER - 8) + b'"}\n{"type":"a"}\nx', [b"x"]),
}


@pytest.mark.parametrize(("body", "payloads"), READ.values(), ids=READ)
def test_read(body: bytes, payloads: list[bytes]) -> None:
    assert [one.payload for one in read_envelope(body).items] == payloads


EVENT = b'{"message":"m"}'
RIGHT = b'{"type":"event"}\n' + EVENT
# an item -> why it became nothing
WRONG: dict[str, tuple[bytes, str]] = {
    "a check-in of no monitor": (b'{"type":"check_in"}\n{"status":"ok"}', "missing_member at %s/monitor_slug"),
    "an event that is no JSON": (b'{"type":"event"}\nx', "not_json at %s"),
    "an event that is a list": (b'{"type":"event","length":2}\n[]', "wrong_type at %s"),
    "an event of 100 kB of brackets": (b'{"type":"event"}\n{"extra":' + b"[" * 100_000, "too_deep at %s"),
    "one of no type": (b'{"length":1}\nx', "missing_member at %s/type"),
}


@pytest.mark.parametrize(("item", "why"), WRONG.values(), ids=WRONG)
def test_an_item_that_cannot_be_read_is_left_out_alone(item: bytes, why: str) -> None:
    for body, place in ((RIGHT + b"\n" + item, 1), (item + b"\n" + RIGHT, 0)):
        heard = ENVELOPES.read(message(HEAD + body))
        assert isinstance(heard, list)
        [(ignored,)] = [one.ignored for one in heard if one.ignored]
        assert ignored.startswith(why % f"/items/{place}")
        [event] = [event for one in heard for event in one.events]
        assert isinstance(event, ProblemReported)
        assert event.problem.text == "m"


REFUSED: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "empty", ""),
    "newlines": (b"\n\n", "empty", ""),
    "no JSON": (b"hello\n", "not_json", "/header"),
    "an array": (b"[]\n", "wrong_type", "/header"),
    "an endless line": (b"{" + b" " * (MAX_HEADER + 1), "too_long", "/header"),
    "a long line": (b'{"a":"' + b"x" * MAX_HEADER + b'"}\n{"type":"a"}\nx', "too_long", "/header"),
    "100 kB of brackets": (b'{"a":' + b"[" * 10_000 + b"\n", "too_deep", "/header"),
    "an item that is no JSON": (HEAD + EVENT + b"\nx\n", "missing_member", "/items/0/type"),
    "what is no header behind a right one": (HEAD + RIGHT + b"\nx\n", "not_json", "/items/1"),
    "an item without type": (HEAD + b'{"length":1}\nx', "missing_member", "/items/0/type"),
    "a type that is a number": (HEAD + b'{"type":1}\nx', "missing_member", "/items/0/type"),
    "a length beyond the end": (HEAD + b'{"type":"event","length":16}\n' + EVENT, "wrong_type", "/items/0/length"),
    "a length of 10^18": (HEAD + b'{"type":"event","length":1000000000000000000}\n', "wrong_type", "/items/0/length"),
    "a length too short": (HEAD + b'{"type":"event","length":14}\n' + EVENT, "wrong_type", "/items/0/length"),
    "a negative length": (HEAD + b'{"type":"event","length":-1}\n' + EVENT, "wrong_type", "/items/0/length"),
    "a length that is true": (HEAD + b'{"type":"event","length":true}\n' + EVENT, "wrong_type", "/items/0/length"),
    "a length that is text": (HEAD + b'{"type":"event","length":"15"}\n' + EVENT, "wrong_type", "/items/0/length"),
    "a length with a fraction": (HEAD + b'{"type":"event","length":15.5}\n' + EVENT, "wrong_type", "/items/0/length"),
    "a header that is cut": (HEAD + b'{"type":"event","le', "not_json", "/items/0"),
    "one item too many": (HEAD + b'{"type":"a"}\nx\n' * (MAX_ITEMS + 1), "too_large", "/items"),
    "an event that is no JSON": (HEAD + b'{"type":"event"}\nhello\n', "not_json", "/items/0"),
    "an event that is an array": (HEAD + b'{"type":"event"}\n[]\n', "wrong_type", "/items/0"),
    "an event that is empty": (HEAD + b'{"type":"event","length":0}\n\n', "not_json", "/items/0"),
    "nothing but wrong ones": (
        HEAD + b'{"type":"event"}\n[]\n{"type":"event"}\nx\n',
        "wrong_type",
        "/items/0",
    ),
    "a check-in of no monitor": (
        HEAD + b'{"type":"check_in"}\n{"status":"ok"}',
        "missing_member",
        "/items/0/monitor_slug",
    ),
}


@pytest.mark.parametrize(("body", "reason", "pointer"), REFUSED.values(), ids=REFUSED)
def test_refused(body: bytes, reason: str, pointer: str) -> None:
    with pytest.raises(Unreadable) as raised:
        ENVELOPES.read(message(body))
    assert (str(raised.value.reason), raised.value.pointer) == (reason, pointer)


@pytest.mark.parametrize("project", ["", "a b", "é", "x" * 65, "../1", "1\n"])
def test_what_is_no_project(project: str) -> None:
    for source in (ENVELOPES, STORE):
        with pytest.raises(Unreadable) as raised:
            source.read(message(HEAD, project))
        assert raised.value.pointer == "/project"


def survives(body: bytes) -> None:
    """Only Unreadable is raised; what is read can be stored, and is the same when it comes again."""
    for source in (ENVELOPES, STORE):
        started, heard = time.thread_time(), list[Heard]()
        try:
            found = source.read(message(body))
            heard = found if isinstance(found, list) else [found]
            assert source.read(message(body)) == found
        except Unreadable:
            pass
        assert time.thread_time() - started < SECONDS
        events: list[InboxEvent] = [event for one in heard for event in one.events]
        for event in events:
            assert decode(encode(event)) == event


MEMBERS = """event_id timestamp level platform logger transaction server_name release environment message logentry
    exception fingerprint tags extra contexts sdk type value values module stacktrace frames filename function lineno
    abs_path mechanism handled source is_exception_group formatted params trace trace_id span_id thread_id record_id
    connection code problem_code side recipients monitor_slug check_in_id status duration name version job""".split()  # noqa: SIM905
words = st.sampled_from(
    [
        "error",
        "warning",
        "info",
        "e.p.x",
        "own",
        EVENT_ID,
        "2026-11-22T19:00:00Z",
        "event",
        "a/b\\c.py",
        "exceptions[0]",
    ]
)
leaves = st.none() | st.booleans() | words | st.integers() | st.floats() | st.text(max_size=6)
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6),
    max_leaves=20,
)
objects = st.dictionaries(st.sampled_from(MEMBERS), values, max_size=8)
raised = st.fixed_dictionaries({"exception": st.fixed_dictionaries({"values": st.lists(objects | leaves, max_size=3)})})


@settings(max_examples=examples(300, 20_000))
@given(
    event=objects | st.builds(lambda one, more: one | more, raised, objects),
    kind=st.sampled_from(["event", "check_in"]),
)
def test_any_event(event: dict[str, Any], kind: str) -> None:
    raw = json.dumps(event).encode()  # NaN and lone surrogates as SDKs write them
    survives(HEAD + b'{"type":"%s","length":%d}\n' % (kind.encode(), len(raw)) + raw)
    survives(raw)


@settings(max_examples=examples(300, 20_000))
@given(event=objects, cut=st.integers(0, 400), filling=st.binary(max_size=6), skip=st.integers(0, 6))
def test_an_envelope_with_a_wound(event: dict[str, Any], cut: int, filling: bytes, skip: int) -> None:
    raw = json.dumps(event).encode()
    body = HEAD + b'{"type":"event","length":%d}\n' % len(raw) + raw + b'\n{"type":"session"}\n{}\n'
    place = cut % (len(body) + 1)
    survives(body[:place] + filling + body[place + skip :])


@settings(max_examples=examples(200, 10_000))
@given(body=st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    survives(body)
    survives(HEAD + body)


def raised_at(frames: list[object]) -> bytes:
    """An event with a stack of these frames."""
    return json.dumps({"exception": [{"type": "E", "stacktrace": {"frames": frames}}]}).encode()


FEARED: dict[str, bytes] = {
    "brackets": b'{"exception":' + b"[" * 200_000,
    "brackets in what is not read": b'{"modules":' + b"[" * 200_000,
    "lists and lists": b'{"message":"m","extra":[' + b"[]," * 300_000 + b"[]]}",
    "300 modules": json.dumps({"message": "m", "modules": {f"m{n}": "1" for n in range(300)}}).encode(),
    "10,000 tags": json.dumps({"message": "m", "tags": {f"t{n}": "x" * 50 for n in range(10_000)}}).encode(),
    "10,000 exceptions": json.dumps({"exception": [{"type": "E", "value": "v"}] * 10_000}).encode(),
    "10,000 frames": raised_at([{"lineno": 1}] * 10_000),
    "a value of 900 kB": json.dumps({"exception": [{"type": "E", "value": "v" * 900_000}]}).encode(),
    "a name of slashes": raised_at([{"filename": "/" * 900_000}]),
    "NaN": b'{"message":"m","timestamp":NaN,"extra":{"x":Infinity}}',
    "an integer of 100 kB": b'{"message":"m","timestamp":' + b"9" * 100_000 + b"}",
    "an integer of 4000 digits": b'{"message":"m","lineno":1,"timestamp":' + b"9" * 4000 + b"}",
    "half an emoji": rb'{"message":"\ud83d","tags":{"\udc00":"\ud800"}}',
    "no UTF-8": b'{"message":"caf\xe9"}',
    "NUL": rb'{"message":"\u0000","tags":{"code":"\u0000","thread_id":"\u0000"}}',
}  # fmt: skip


@pytest.mark.parametrize("raw", FEARED.values(), ids=FEARED)
def test_what_was_feared(raw: bytes) -> None:
    survives(raw)
    survives(HEAD + b'{"type":"event","length":%d}\n' % len(raw) + raw)


def test_the_body_of_many_events_without_ids_is_digested_once(monkeypatch: pytest.MonkeyPatch) -> None:
    digested = list[bytes]()

    def sha256(body: bytes) -> Any:
        digested.append(body)
        return hashlib.sha256(body)

    monkeypatch.setattr(port, "sha256", sha256)
    body = written({}, *[({"type": "event"}, b'{"message":"x"}', True)] * MAX_ITEMS)
    heard = ENVELOPES.read(message(body))
    assert isinstance(heard, list)
    assert len({event.event_id for each in heard for event in each.events}) == MAX_ITEMS
    assert digested == [body]
