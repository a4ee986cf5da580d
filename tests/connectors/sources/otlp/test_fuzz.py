"""Any bytes are an export that is read, or Unreadable; and both forms of one export are read as the same."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.fuzzing import examples
from tests.harness.otlp_exports import AT, BOOM, SPAN_ID, TRACE_ID, as_json, exception, log, logs, span, traces
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.sources.otlp import JSON, LOGS, PROTOBUF, TRACES, Export, Signal, read_export
from tocsin.schemas.codec import decode, encode

SECONDS = 5.0
"""CPU time that one export may take, on a slow machine too."""

names = st.sampled_from(
    """exception.type exception.message exception.stacktrace tocsin.code tocsin.thread_id tocsin.recipients tocsin.side
    tocsin.tenant service.name tocsin.process code.file.path code.line.number password x""".split()  # noqa: SIM905
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
)
values: st.SearchStrategy[Any] = st.recursive(
    leaves | st.sampled_from(["own", "e.p.x", "Boom", "a.B", "\u202e"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
attributes = st.dictionaries(names, values, max_size=6) | st.just(BOOM)
ids = {
    "trace_id": st.sampled_from([b"", TRACE_ID, b"\0" * 16]) | st.binary(max_size=17),
    "span_id": st.sampled_from([b"", SPAN_ID]) | st.binary(max_size=9),
}
times = st.just(AT) | st.integers(0, 2**64 - 1)
log_records = st.builds(
    log, values, attributes, severity_number=st.integers(0, 24),
    severity_text=st.sampled_from(["", "ERROR", "warn", "?"]), time_unix_nano=times, observed_time_unix_nano=times,
    flags=st.integers(0, 2**32 - 1), event_name=st.text(max_size=3), **ids,
)  # fmt: skip
spans = st.builds(
    lambda events, said, more: span(*events, said=said, **more),
    st.lists(st.builds(exception, attributes, times), max_size=3),
    attributes,
    st.fixed_dictionaries(ids | {"trace_state": st.sampled_from(["", "a=b", "\0"]), "name": st.text(max_size=3)}),
)
scopes = st.sampled_from(["", "app.orders", "tocsin.publish", "-"])
exports = st.builds(
    lambda records, resource, scope: logs(*records, resource=resource, scope=scope),
    st.lists(log_records, max_size=3), attributes, scopes,
) | st.builds(
    lambda records, resource, scope: traces(*records, resource=resource, scope=scope),
    st.lists(spans, max_size=3), attributes, scopes,
)  # fmt: skip


def signal_of(export: Message) -> Signal:
    return LOGS if "logs" in export.DESCRIPTOR.full_name else TRACES


def survives(body: bytes, media_type: str, signal: Signal) -> Export | None:
    """It is read, and each event can be stored; or it is Unreadable."""
    started = time.thread_time()
    try:
        export = read_export(body, media_type, signal, tenant="t", now=AT // 1000)
    except Unreadable:
        return None
    finally:
        assert time.thread_time() - started < SECONDS
    for name, event in export.events.items():
        assert (event.event_id, event.tenant) == (name, "t")
        assert decode(encode(event)) == event
    return export


@settings(max_examples=examples(100, 5_000), deadline=None)
@given(export=exports)
def test_both_forms_of_an_export_are_read_as_the_same(export: Message) -> None:
    signal = signal_of(export)
    in_protobuf = survives(export.SerializeToString(), PROTOBUF, signal)
    assert in_protobuf is not None
    assert in_protobuf == survives(as_json(export), JSON, signal)


@settings(max_examples=examples(150, 8_000), deadline=None)
@given(export=exports, cut=st.integers(0, 2000), filling=st.binary(max_size=6), skip=st.integers(0, 6))
def test_an_export_with_a_wound(export: Message, cut: int, filling: bytes, skip: int) -> None:
    for media_type, raw in ((PROTOBUF, export.SerializeToString()), (JSON, as_json(export))):
        place = cut % (len(raw) + 1)
        survives(raw[:place] + filling + raw[place + skip :], media_type, signal_of(export))


@settings(max_examples=examples(150, 8_000), deadline=None)
@given(
    raw=st.binary(max_size=200), media_type=st.sampled_from([PROTOBUF, JSON]), signal=st.sampled_from([LOGS, TRACES])
)
def test_any_bytes(raw: bytes, media_type: str, signal: Signal) -> None:
    survives(raw, media_type, signal)


NAMES = {*LOGS.groups, *TRACES.groups, *LOGS.members, *TRACES.members, "resource", "scope", "value", "key", "values",
         "stringValue", "intValue", "arrayValue", "kvlistValue", "bytesValue"}  # fmt: skip
members = st.sampled_from(sorted(NAMES))
documents: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["exception.type", "ab", "NaN", 17, 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(members, inner, max_size=5),
    max_leaves=15,
)


@settings(max_examples=examples(150, 8_000), deadline=None)
@given(record=st.dictionaries(members, documents, max_size=6), whole=documents, signal=st.sampled_from([LOGS, TRACES]))
def test_any_json(record: object, whole: object, signal: Signal) -> None:
    of_export, of_resource, of_scope = signal.groups
    for document in (
        whole,
        {of_export: [{of_resource: [{of_scope: [record, whole], "scope": whole}], "resource": whole}]},
    ):
        survives(json.dumps(document).encode(), JSON, signal)


@pytest.mark.parametrize("export", [logs(log(said=BOOM)), traces(span(exception()))], ids=["logs", "traces"])
def test_the_fuzzer_reaches_the_problems(export: Message) -> None:
    found = survives(as_json(export), JSON, signal_of(export))
    assert found is not None
    assert len(found.events) == 1
