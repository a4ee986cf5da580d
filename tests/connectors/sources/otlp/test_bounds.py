"""Exports that mean harm, or come from a program that is broken: what is refused, what alone, and what it costs."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from tests.harness.otlp_exports import AT, BOOM, as_json, exception, log, logs, pairs, span, traces
from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.sources.otlp import JSON, LOGS, PROTOBUF, TRACES, Export, read_export, wire
from tocsin.connectors.sources.otlp.bounds import MAX_ATTRIBUTES, MAX_EVENTS, MAX_EXCEPTIONS, MAX_PARTS, MAX_RECORD
from tocsin.connectors.sources.otlp.problem import MAX_ITEM, MAX_ITEMS, MAX_STACK
from tocsin.connectors.sources.otlp.signals import Signal

NOW = AT // 1000
MEGABYTE = 1024 * 1024


def read(body: bytes, media_type: str = PROTOBUF, signal: Signal = LOGS) -> Export:
    return read_export(body, media_type, signal, tenant="acme", now=NOW)


def field(number: int, content: bytes) -> bytes:
    """A field of protobuf with bytes."""
    size, rest = b"", len(content)
    while rest > 0x7F:
        size, rest = size + bytes([rest & 0x7F | 0x80]), rest >> 7
    return bytes([number << 3 | 2]) + size + bytes([rest]) + content


def record(content: bytes) -> bytes:
    """An export of one log record of these bytes."""
    return field(1, field(2, field(2, content)))


def nested(levels: int) -> bytes:
    """A log record whose body nests so deep, well-formed."""
    value = b"\x0a\x01x"
    for _ in range(levels):
        value = field(5, field(1, value))
    return b"\x10\x11" + field(5, value)


EMPTIES = {
    "records": field(1, field(2, b"\x12\x00" * (MEGABYTE // 2))),
    "scopes": field(1, b"\x12\x00" * (MEGABYTE // 2)),
    "resources": b"\x0a\x00" * (MEGABYTE // 2),
}


@pytest.mark.parametrize("body", EMPTIES.values(), ids=EMPTIES)
def test_a_megabyte_of_nothing_is_counted_before_it_is_built(body: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(Unreadable) as refused:
        read(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.reason is UnreadableReason.TOO_LARGE
    assert peak < 2 * len(body) + 2 * MEGABYTE


@pytest.mark.parametrize("name", ["resourceLogs", "scopeLogs", "logRecords"])
def test_a_megabyte_of_nothing_in_json(name: str) -> None:
    many: Any = [{}] * 350_000
    document = {"logRecords": many}
    if name == "resourceLogs":
        document = {"resourceLogs": many}
    else:
        scoped = [document] if name == "logRecords" else many
        document = {"resourceLogs": [{"scopeLogs": scoped}]}
    with pytest.raises(Unreadable) as refused:
        read(json.dumps(document).encode(), JSON)
    assert refused.value.reason is UnreadableReason.TOO_LARGE


def test_as_many_records_as_are_allowed_and_one_more() -> None:
    many = [log(severity_number=9)] * (MAX_PARTS - 4)  # with a resource and a scope, and what holds them
    for media_type in (PROTOBUF, JSON):
        export = logs(*many)
        body = export.SerializeToString() if media_type == PROTOBUF else as_json(export)
        assert read(body, media_type).counts == {"log": MAX_PARTS - 4}
        export = logs(*many, *many[:4])
        body = export.SerializeToString() if media_type == PROTOBUF else as_json(export)
        with pytest.raises(Unreadable):
            read(body, media_type)


ALONE = {
    "a text that is no UTF-8": b"\x10\x11" + field(3, b"\xff\xfe"),
    "a name of an attribute that is no UTF-8": b"\x10\x11" + field(6, field(1, b"\xc3")),
    "values 200 levels deep": nested(200),
    "a length that lies": b"\x10\x11\x2a\x7f\x0a",
    "a text that ends inside": b"\x10\x11\x1a",
    "more attributes than allowed": log(said={f"a{n}": n for n in range(MAX_ATTRIBUTES + 1)}).SerializeToString(),
    "a record of 256 kB": log("x" * MAX_RECORD).SerializeToString(),
}


@pytest.mark.parametrize("content", ALONE.values(), ids=ALONE)
def test_a_record_that_cannot_be_read_is_rejected_alone(content: bytes) -> None:
    good = log().SerializeToString()
    export = read(field(1, field(2, field(2, good) + field(2, content) + field(2, good.replace(b"failed", b"flunks")))))
    assert (len(export.events), export.rejected, export.counts) == (2, 1, {"log_error": 2, "rejected": 1})
    assert len(export.whys) == 1
    with pytest.raises(Unreadable):
        read(record(content))


AROUND = {"resource": (b"\xff", b""), "scope": (b"", b"\xff")}


@pytest.mark.parametrize("what", AROUND)
def test_what_stands_round_records_and_cannot_be_read_loses_none_of_them(what: str) -> None:
    resource, scope = AROUND[what]
    broken = field(1, field(1, resource) + field(2, field(1, scope) + field(2, log().SerializeToString())))
    good = logs(log(), log(severity_number=1)).SerializeToString()
    export = read(broken + good)
    assert (export.counts, len(export.events)) == ({"log_error": 2, "log": 1}, 2)
    assert [*export.whys] == [f"a {what}, without which its records are taken: expected protobuf, with texts in UTF-8"]


BROKEN = {
    "a tag that ends inside": b"\x80",
    "a tag of eleven bytes": b"\xff" * 11 + b"\x00",
    "a field of number 0": b"\x02\x00",
    "a group": b"\x0b\x0c",
    "a length beyond the end": b"\x0a\x05\x12",
    "a length of 2^63": b"\x0a" + b"\xff" * 8 + b"\x7f",
    "a fixed number that ends inside": b"\x09\x00",
    "text": b'{"resourceLogs":[]}',
    "gzip that says nothing of it": b"\x1f\x8b\x08\x00\x00",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_is_no_export_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body)


BROKEN_JSON = {
    "a list": "[]",
    "a list that is an object": '{"resourceLogs":{}}',
    "a group that is a text": '{"resourceLogs":["x"]}',
    "records that are a text": '{"resourceLogs":[{"scopeLogs":[{"logRecords":"x"}]}]}',
    "100 kB of brackets": '{"resourceLogs":' + "[" * 100_000,
    "600 kB of empty lists": '{"resourceLogs":[' + "[]," * 200_000 + "[]]}",
    "NaN": '{"resourceLogs":NaN}',
    "a member twice": '{"resourceLogs":[],"resourceLogs":[]}',
    "a lone surrogate": r'{"x":"\ud800"}',
}


@pytest.mark.parametrize("body", BROKEN_JSON.values(), ids=BROKEN_JSON)
def test_what_is_no_export_in_json_is_refused(body: str) -> None:
    with pytest.raises(Unreadable):
        read(body.encode(), JSON)


ALONE_JSON: dict[str, Any] = {
    "a text": "x",
    "an id that is no hexadecimal": {"severityNumber": 17, "traceId": "xyz"},
    "an id that is a number": {"severityNumber": 17, "spanId": 7},
    "a severity that is a word": {"severityNumber": "SEVERE"},
    "a severity of 5,000 digits": {"severityNumber": "1" * 5000},
    "a severity of 10 digits": {"severityNumber": "9" * 10},
    "a severity of no digit that is ASCII": {"severityNumber": "\u0661\u0667"},
    "a time that is none": {"severityNumber": 17, "timeUnixNano": "yesterday"},
    "attributes that are an object": {"severityNumber": 17, "attributes": {"a": 1}},
    "a name of an attribute that is a list": {"severityNumber": 9, "attributes": [{"key": []}]},
    "two values in one": {"severityNumber": 17, "body": {"stringValue": "a", "intValue": 1}},
    "a record of 256 kB": {"severityNumber": 17, "body": {"stringValue": "x" * MAX_RECORD}},
}


@pytest.mark.parametrize("content", ALONE_JSON.values(), ids=ALONE_JSON)
def test_a_record_in_json_that_cannot_be_read_is_rejected_alone(content: Any) -> None:
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": 17}, content]}]}]}
    export = read(json.dumps(document).encode(), JSON)
    assert (len(export.events), export.rejected) == (1, 1)


def deep(levels: int) -> str:
    """A body in JSON that nests so deep."""
    return '{"arrayValue":{"values":[' * levels + '{"stringValue":"x"}' + "]}}" * levels


# what a record says besides its severity
HOLED_JSON: dict[str, bytes] = {
    "values 80 levels deep": f'"body":{deep(27)}'.encode(),
    "values 100,000 levels deep": f'"body":{deep(33_000)}'.encode(),
    "100,000 lists": b'"body":{"stringValue":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "half an emoji": rb'"body":{"stringValue":"\ud83d"}',
    "half an emoji in the name of an attribute": rb'"attributes":[{"key":"\ude00","value":{"intValue":1}}]',
    "a text that is no UTF-8": b'"body":{"stringValue":"\xff\xfe"}',
    "a member twice": b'"body":{"stringValue":"a","stringValue":"b"}',
    "a member twice in the record itself": b'"severityNumber":17',
}


@pytest.mark.parametrize("said", HOLED_JSON.values(), ids=HOLED_JSON)
def test_a_record_in_json_of_which_a_part_cannot_be_kept_is_rejected_alone(said: bytes) -> None:
    good = b'{"severityNumber":17,"body":{"stringValue":"\xc3\xa9 \\\\ud83d"}}'
    records = b",".join([good, b'{"severityNumber":17,' + said + b"}", good.replace(b"17", b'17,"timeUnixNano":"1"')])
    export = read(b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[%s]}]}]}' % records, JSON)
    assert (len(export.events), export.rejected, export.counts) == (2, 1, {"log_error": 2, "rejected": 1})
    assert [event.problem.text for event in export.events.values()] == ["\xe9 \\ud83d"] * 2
    assert len(export.whys) == 1
    with pytest.raises(Unreadable):
        read(b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":17,%s}]}]}]}' % said, JSON)


@pytest.mark.parametrize("said", HOLED_JSON.values(), ids=HOLED_JSON)
def test_what_a_record_has_in_a_member_that_is_not_read_spoils_nothing(said: bytes) -> None:
    if said.startswith(b'"severityNumber'):
        said = b'"body":{},' + said
    record = b'{"severityNumber":17,"new":{%s}}' % said
    export = read(b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[%s]}]}]}' % record, JSON)
    assert (len(export.events), export.rejected) == (1, 0)


@pytest.mark.parametrize("said", HOLED_JSON.values(), ids=HOLED_JSON)
def test_a_resource_in_json_of_which_a_part_cannot_be_kept_loses_no_record(said: bytes) -> None:
    resource = b'"attributes":[{"key":"service.name","value":{"stringValue":"s"}},{"key":"k","value":{%s}}]'
    scoped = b'"scopeLogs":[{"logRecords":[{"severityNumber":17}]}]'
    if b"attributes" in said or said.startswith(b'"severity'):
        resource, said = b"%s", b'"attributes":[],"attributes":[]'
    said = said.removeprefix(b'"body":{').removesuffix(b"}")
    export = read(b'{"resourceLogs":[{"resource":{%s},%s}]}' % (resource % said, scoped), JSON)
    assert (len(export.events), export.rejected, len(export.whys)) == (1, 0, 1)


def test_unknown_members_and_fields_are_ignored() -> None:
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": 17, "new": {"x": 1}}], "y": 2}]}]}
    assert len(read(json.dumps(document).encode(), JSON).events) == 1
    later = field(
        1, field(2, field(2, b"\x10\x11\xa2\x06\x01x") + b"\xa8\x06\x01") + b"\xa5\x06abcd" + b"\xa1\x06abcdefgh"
    )
    assert len(read(later).events) == 1


def test_of_a_span_with_many_exceptions_the_first_are_taken_and_the_rest_is_said() -> None:
    events = [exception(BOOM | {"exception.message": f"{n}"}) for n in range(MAX_EXCEPTIONS + 1)]
    for many, whys in ((events[:-1], 0), (events, 1)):
        export = read(traces(span(*many)).SerializeToString(), signal=TRACES)
        assert (len(export.events), export.rejected, len(export.whys)) == (MAX_EXCEPTIONS, 0, whys)


def test_a_span_with_very_many_events_is_rejected_and_looked_at_no_further() -> None:
    events = b"\x5a\x00" * (MAX_EVENTS + 1)
    body = field(1, field(2, field(2, events[2:]) + field(2, events)))
    assert read(body, signal=TRACES).counts == {"span": 1, "rejected": 1}


def test_what_is_told_is_bounded() -> None:
    said = {f"a{n}" * 100: "x" * 2000 for n in range(40)} | {
        "exception.stacktrace": "y" * 100_000,
        "exception.type": "Z" * 5000,
    }
    [event] = read(logs(log({"deep": [[[[[[[[[["x"]]]]]]]]]]}, said)).SerializeToString()).events.values()
    problem = event.problem
    assert problem.text is not None
    assert "..." in problem.text
    assert len(problem.extensions["stack_trace"]) < MAX_STACK + 100
    assert max(len(item.value) for item in problem.items if item.key and item.key.startswith("a")) == MAX_ITEM
    assert sum(item.key is not None and item.key.startswith("a") for item in problem.items) == MAX_ITEMS
    assert len(problem.code) < 100


def test_an_attribute_that_is_there_twice_counts_once() -> None:
    twice = log(said={"tocsin.thread_id": "first"})
    twice.attributes.extend(pairs({"tocsin.thread_id": "second"}))
    [event] = read(logs(twice).SerializeToString()).events.values()
    assert event.problem.thread_id == "first"


def test_logs_and_traces_have_the_same_numbers() -> None:
    """What `wire` relies on: it walks both with one table."""
    found = []
    for export in (logs(), traces()):
        group = export.DESCRIPTOR.fields[0].message_type
        scoped = group.fields[1].message_type
        found.append([(one.number, one.message_type is not None) for one in (*group.fields, *scoped.fields)])
    assert found[0] == found[1] == [(1, True), (2, True), (3, False)] * 2


def test_what_stands_twice_is_read_as_the_library_reads_it() -> None:
    both = logs(log()).SerializeToString()
    [group] = list(wire.groups(both))
    assert group.records == [log().SerializeToString()]
    resource = field(
        1, field(1, group.resource) + field(1, field(1, b"\x0a\x01k")) + field(2, field(2, group.records[0]))
    )
    [event] = read(resource).events.values()
    assert event.problem.source.service == "shop"
