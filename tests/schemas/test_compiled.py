"""The generated writers and readers against two independent Avro implementations: fastavro and Apache's avro."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import avro.io
import avro.schema
import fastavro
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.fuzzing import examples
from tocsin.schemas.compiled import compile_codec
from tocsin.schemas.events import EVENTS, Event
from tocsin.schemas.lock import shipped_entries
from tocsin.schemas.resolving import parsed

NEWEST = {entry.event_name: entry for entry in sorted(shipped_entries(), key=lambda entry: entry.version or 0)}


def as_dict(event: Event) -> Any:
    return msgspec.to_builtins(event, builtin_types=(bytes,))


@pytest.mark.parametrize("event", EVENTS)
def test_same_bytes_and_values_as_fastavro(event: str) -> None:
    schema = json.loads(NEWEST[event].text)
    codec = compile_codec(schema, EVENTS[event])
    theirs = parsed(schema)

    @settings(max_examples=examples(30, 100))
    @given(st.from_type(EVENTS[event]))
    def same(value: Event) -> None:
        pieces: list[bytes] = []
        codec.write(value, pieces.append)
        ours = b"".join(pieces)
        sink = BytesIO()
        fastavro.schemaless_writer(sink, theirs, as_dict(value))
        assert ours == sink.getvalue()
        assert fastavro.schemaless_reader(BytesIO(ours), theirs, None) == as_dict(value)
        assert codec.read(ours, 0) == (value, len(ours))

    same()


@pytest.mark.parametrize("event", EVENTS)
def test_same_bytes_and_values_as_apache_avro(event: str) -> None:
    schema = json.loads(NEWEST[event].text)
    codec = compile_codec(schema, EVENTS[event])
    theirs = avro.schema.parse(json.dumps(parsed_plain(schema)))

    @settings(max_examples=examples(10, 20))
    @given(st.from_type(EVENTS[event]))
    def same(value: Event) -> None:
        pieces: list[bytes] = []
        codec.write(value, pieces.append)
        ours = b"".join(pieces)
        sink = BytesIO()
        avro.io.DatumWriter(theirs).write(as_dict(value), avro.io.BinaryEncoder(sink))
        assert ours == sink.getvalue()
        read = avro.io.DatumReader(theirs).read(avro.io.BinaryDecoder(BytesIO(ours)))
        assert msgspec.convert(read, EVENTS[event], builtin_types=(bytes,)) == value

    same()


def parsed_plain(schema: Any) -> Any:
    """The schema without logical types, which avro would turn into datetime values."""
    if isinstance(schema, list):
        return [parsed_plain(each) for each in schema]
    if isinstance(schema, dict):
        return {key: parsed_plain(value) for key, value in schema.items() if key != "logicalType"}
    return schema


class _Lists(msgspec.Struct):
    texts: list[str]
    named: dict[str, int]


LISTS = {
    "type": "record",
    "name": "_Lists",
    "fields": [
        {"name": "texts", "type": {"type": "array", "items": "string"}},
        {"name": "named", "type": {"type": "map", "values": "long"}},
    ],
}


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("one block each", b"\4\2a\2b\0" + b"\2\2k\6\0"),
        ("a block for each item", b"\2\2a\2\2b\0" + b"\2\2k\6\0"),
        ("blocks with their size in bytes", b"\3\x08\2a\2b\0" + b"\1\6\2k\6\0"),
    ],
)
def test_every_form_of_blocks_that_avro_allows_is_read(what: str, data: bytes) -> None:
    read = compile_codec(LISTS, _Lists).read
    assert read(data, 0) == (_Lists(texts=["a", "b"], named={"k": 3}), len(data))


@pytest.mark.parametrize("type_", ["double", {"type": "fixed", "name": "F", "size": 2}, ["null", "string", "long"]])
def test_a_type_that_our_models_do_not_use_is_refused_when_compiling(type_: Any) -> None:
    with pytest.raises((NotImplementedError, KeyError)):
        compile_codec({"type": "record", "name": "_Lists", "fields": [{"name": "texts", "type": type_}]}, _Lists)


def written(event: Event) -> list[bytes]:
    pieces: list[bytes] = []
    compile_codec(json.loads(NEWEST[type(event).__name__].text), type(event)).write(event, pieces.append)
    return pieces


@pytest.mark.parametrize("carrier", ["ProblemOpened", "ProblemRepeated"])
def test_a_problem_that_was_just_read_is_copied_with_the_same_bytes(carrier: str) -> None:
    reader = compile_codec(json.loads(NEWEST["ProblemReported"].text), EVENTS["ProblemReported"])
    copied = 0

    @settings(max_examples=examples(15, 50))
    @given(st.from_type(EVENTS["ProblemReported"]), st.from_type(EVENTS[carrier]))
    def same(reported: Event, event: Any) -> None:
        nonlocal copied
        report, _ = reader.read(b"".join(written(reported)), 0)
        carried = written(msgspec.structs.replace(event, problem=report.problem))
        remade = written(msgspec.structs.replace(event, problem=msgspec.structs.replace(report.problem)))
        assert b"".join(carried) == b"".join(remade)
        copied += len(remade) > len(carried)

    same()
    assert copied, "no problem was copied: its schema differs between the two events"


class Problem(msgspec.Struct, dict=True):
    """Carries the bytes that it was read from."""

    code: str
    items: list[str]
    extensions: dict[str, str]


class _Carrier(msgspec.Struct):
    problem: Problem


_CARRIER = compile_codec(
    {
        "type": "record",
        "name": "_Carrier",
        "fields": [
            {
                "name": "problem",
                "type": {
                    "type": "record",
                    "name": "Problem",
                    "fields": [
                        {"name": "code", "type": "string"},
                        {"name": "items", "type": {"type": "array", "items": "string"}},
                        {"name": "extensions", "type": {"type": "map", "values": "string"}},
                    ],
                },
            }
        ],
    },
    _Carrier,
)

AS_WE_WRITE = b"\4ab" + b"\4\2x\2y\0" + b"\2\2k\2v\0"


@pytest.mark.parametrize(
    ("data", "copied"),
    [
        pytest.param(AS_WE_WRITE, True, id="as we write it"),
        pytest.param(b"\4ab" + b"\3\x08\2x\2y\0" + b"\2\2k\2v\0", False, id="a list with its size in bytes"),
        pytest.param(b"\4ab" + b"\3\x7f\2x\2y\0" + b"\2\2k\2v\0", False, id="a list with a wrong size"),
        pytest.param(b"\4ab" + b"\2\2x\2\2y\0" + b"\2\2k\2v\0", False, id="a list in two blocks"),
        pytest.param(b"\4ab" + b"\4\2x\2y\0" + b"\1\x08\2k\2v\0", False, id="a map with its size in bytes"),
        pytest.param(b"\4ab" + b"\4\2x\2y\0" + b"\4\2k\2a\2k\2v\0", False, id="a map with a key twice"),
        pytest.param(b"\x84\0ab" + b"\4\2x\2y\0" + b"\2\2k\2v\0", False, id="a length longer than it needs"),
        pytest.param(b"\4ab" + b"\x84\x80\0\2x\2y\0" + b"\2\2k\2v\0", False, id="a count longer than it needs"),
        pytest.param(b"\4ab" + b"\4\2x\2y\x80\0" + b"\2\2k\2v\0", False, id="an end longer than it needs"),
    ],
)
def test_only_what_we_would_write_ourselves_is_copied(data: bytes, copied: bool) -> None:
    carrier, end = _CARRIER.read(data, 0)
    assert (carrier.problem, end) == (Problem("ab", ["x", "y"], {"k": "v"}), len(data))
    pieces: list[bytes] = []
    _CARRIER.write(carrier, pieces.append)
    assert b"".join(pieces) == AS_WE_WRITE
    assert (len(pieces) == 1) is copied
