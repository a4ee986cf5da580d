"""Whatever bytes arrive, said to be in whatever dialect: Unreadable, no problem, or a problem that can be kept.

The generated part is bounded to some seconds; what it once found stands below by name.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.smallest_documents import SMALLEST
from tocsin.connectors.dialects import AUTO, DIALECTS, NotAProblem, Unreadable, Unwritable, load_dialect, read_document
from tocsin.connectors.publish import Origin, problem_reported
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.problem import Problem

PATIENCE = int(os.environ.get("TOCSIN_FUZZ", "1"))
"""How many times as many examples; `.ci/run` fuzzes for minutes."""

NAMES = (AUTO, *DIALECTS)
ORIGIN = Origin(tenant="t", event_id="019ab7c1-5f00-7000-8000-000000000000")
SECONDS = 5.0
"""CPU time that one document may take under one name: enough on a slow machine, not for a scan that is quadratic."""


def survives(raw: bytes, dialect: str) -> None:
    """Only Unreadable is raised; a problem can be stored and comes back, and is written or refused in every dialect."""
    started = time.thread_time()
    try:
        read = read_document(raw, dialect)
    except Unreadable:
        return
    finally:
        assert time.thread_time() - started < SECONDS
    if isinstance(read, NotAProblem):
        return
    assert isinstance(read, Problem)
    event = problem_reported(read, ORIGIN)
    assert decode(encode(event)) == event
    for name in DIALECTS:
        try:
            written = load_dialect(name).write(read)
        except Unwritable:
            continue
        json.dumps(written, allow_nan=False).encode()


members = st.sampled_from(
    """code severity scope category message_id thread_id parent_thread_id ack text_template args text localized items
    noticed_at http source extensions request_completed status title type detail instance errors walletId id thid pthid
    from to body comment escalate_to created_time lang typ @type @id @thread ~thread seqnum sender_order received_orders
    friendly-ltxt explain-ltxt problem-code problem-items who-retries fix-hint-ltxt impact where time-noticed
    @msg_catalog tracking-uri escalation-uri description description~l10n ~l10n problem_items who_retries fix_hint
    noticed_time tracking_uri explain en de catalog locale jsonrpc error result message data reply dwn-response
    violations rule pointer dialect conformant key value retry_party sender recipients message_sha256
    hops problem overflow event_id case tenant""".split()  # noqa: SIM905
)
kinds = st.sampled_from(
    [
        "https://didcomm.org/report-problem/2.0/problem-report",
        "https://didcomm.org/report-problem/1.0/problem-report",
        "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report",
        "https://didcomm.org/present-proof/2.0/problem_report",
        *("e.p.xfer", "w.m.x", "about:blank", "2.0", "2026-11-22T19:00:00Z", "0000-00-00", "-50409", "99999999999999"),
        *("you", "ME", "message", "wire - x", "GeneralError: text", "{1}{2}{99999999}", "a@b", "%", "\ud800", "\u0000"),
    ]
)
numbers = st.sampled_from(  # NaN and the infinities stop every reader at once: they have rows below
    [0, -1, 1, 199, 404, 2**31, 2**53, 2**63, -(2**63) - 1, 10**99, 10**101, 1e308, -1e308, 5e-324, 1.5, 9e15]
)
leaves = st.none() | st.booleans() | kinds | numbers | st.integers() | st.text(max_size=5)
values: st.SearchStrategy[Any] = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(members, inner, max_size=6), max_leaves=12
)
shapes = st.sampled_from(list(SMALLEST.values()))
documents = values | st.builds(lambda shape, more: more | shape, shapes, st.dictionaries(members, values, max_size=6))
nested_documents = st.builds(
    lambda shape, more: {name: value | more if isinstance(value, dict) else value for name, value in shape.items()},
    shapes,
    st.dictionaries(members, values, max_size=6),
)


@settings(max_examples=800 * PATIENCE)
@given(document=documents | nested_documents)
def test_any_json(document: object) -> None:
    raw = json.dumps(document).encode()  # a lone surrogate becomes an escape
    for name in NAMES:
        survives(raw, name)


@settings(max_examples=1000 * PATIENCE)
@given(document=nested_documents, cut=st.integers(0, 400), filling=st.binary(max_size=6), skip=st.integers(0, 6))
def test_json_with_a_wound(document: object, cut: int, filling: bytes, skip: int) -> None:
    raw = json.dumps(document).encode()
    place = cut % (len(raw) + 1)
    for name in NAMES:
        survives(raw[:place] + filling + raw[place + skip :], name)


@settings(max_examples=500 * PATIENCE)
@given(raw=st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    for name in NAMES:
        survives(raw, name)


def _report(member: str, value: str) -> bytes:
    return f'{{"code":"e.p.x","title":"t","{member}":{value}}}'.encode()


def _message(body: str, more: str = "") -> bytes:
    return f'{{"type":"https://didcomm.org/report-problem/2.0/problem-report"{more},"body":{body}}}'.encode()


ROWS = {
    "100 kB of brackets": b"[" * 100_000,
    "100 kB of nested objects": b'{"a":' * 20_000,
    "100 kB of nested objects in a report": _report("x", '{"a":' * 20_000),
    "100 kB of nested args": _message('{"code":"e.p.x","args":' + "[" * 50_000 + "]" * 50_000 + "}"),
    "brackets inside a string": _report("x", '"' + "[" * 100_000 + '"'),
    "a string that does not end": _report("x", '"' + '\\"' * 50_000),
    "quotes without end": b'{"code":"' + b'\\"' * 50_000,
    "an integer of 100 kB": _report("x", "9" * 100_000),
    "an integer beyond 64 bits where a time belongs": _report("noticed_at", str(2**63)),
    "an integer beyond 32 bits where a status belongs": b'{"code":"e.p.x","http":{"status":2147483648}}',
    "a float that overflows": _report("x", "1e999"),
    "a huge created_time": _message('{"code":"e.p.x"}', ',"created_time":1e308'),
    "NaN": _report("x", "NaN"),
    "a lone surrogate in a value": _report("x", r'"\ud800"'),
    "a lone surrogate in a name": rb'{"code":"e.p.x","\udfff":1}',
    "a pair of surrogates": _report("x", r'"\ud83d\ude00"'),
    "a NUL in the code": b'{"code":"e.p.\\u0000"}',
    "300 members": b"{" + b",".join(b'"m%d":0' % n for n in range(300)) + b"}",
    "the same member twice": b'{"code":"e.p.x","code":"e.p.y"}',
    "10,000 args": _message('{"code":"e.p.x","comment":"{1}","args":[' + ",".join(['"x"'] * 10_000) + "]}"),
    "10,000 references": _message('{"code":"e.p.x","comment":"' + "{1}" * 10_000 + '","args":["' + "y" * 50 + '"]}'),
    "a code of 2 kB": b'{"code":"' + b"e.p" * 700 + b'"}',
    "a code of dots": b'{"code":"' + b"." * 1000 + b'"}',
    "a type of 1 kB of slashes": b'{"title":"t","type":"' + b"/" * 1000 + b'"}',
    "UTF-16": '{"code":"e.p.x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"code":"e.p.x"}',
    "only a byte order mark": b"\xef\xbb\xbf",
    "a body that is null": _message("null"),
    "extensions that are a list": _report("extensions", "[1]"),
    "extensions that nest": _report("extensions", '{"a":{"b":[1,{"c":null}]}}'),
}


@pytest.mark.parametrize("raw", ROWS.values(), ids=ROWS)
def test_what_was_found_or_feared(raw: bytes) -> None:
    for name in NAMES:
        survives(raw, name)


def test_the_fuzzer_reaches_the_problems() -> None:
    """The smallest documents are good ones: each is read as a problem, so the generated ones are not all refused."""
    reads = {name: read_document(json.dumps(document).encode()) for name, document in SMALLEST.items()}
    assert {name: read.dialect for name, read in reads.items() if isinstance(read, Problem)} == {n: n for n in SMALLEST}
