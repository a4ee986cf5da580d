"""Old versions are read into today's models; a newer Tocsin's schemas are learned, or refused with nothing changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.codec import SHIPPED, decode, encode
from tocsin.schemas.errors import SchemaRefused, Undecodable, UndecodableReason
from tocsin.schemas.events import ProblemReported, Tick
from tocsin.schemas.lock import SchemaEntry, fingerprint, shipped_entries
from tocsin.schemas.problem import Problem, Severity
from tocsin.schemas.resolving import parsed
from tocsin.schemas.schema_book import SchemaBook
from tocsin.schemas.schema_tree import MAX_TEXT

TEXTS = {entry.event_name: entry.text for entry in shipped_entries()}
NEW_ID = 1600
REPORTED = ProblemReported(
    event_id="e", tenant="t", occurred_at=1, recorded_at=2, problem=Problem(dialect="canonical", code="e.p")
)


def changed(event: str, change: Callable[[Any], object]) -> str:
    """The text of an event's schema after `change` has been at its parsed form."""
    schema = json.loads(TEXTS[event])
    change(schema)
    return json.dumps(schema)


def written(text: str, schema_id: int, fields: Any) -> bytes:
    """The framed bytes of a value, as another Tocsin with that schema would write it."""
    sink = BytesIO()
    fastavro.schemaless_writer(sink, parsed(json.loads(text)), fields)
    return b"\0" + schema_id.to_bytes(4, "big") + sink.getvalue()


def newer_report(schema: Any) -> None:
    """A field more at the end, one within the problem, and a worse severity."""
    schema["fields"].append({"name": "colour", "type": ["null", "string"], "default": None, "doc": "New."})
    problem = next(field["type"] for field in schema["fields"] if field["name"] == "problem")
    problem["fields"].insert(0, {"name": "mood", "type": {"type": "array", "items": "string"}, "default": []})
    severity = next(field["type"] for field in problem["fields"] if field["name"] == "severity")
    severity["symbols"].append("fatal")


def test_a_schema_that_is_learned_is_read_into_todays_model() -> None:
    text = changed("ProblemReported", newer_report)
    fields = msgspec.to_builtins(REPORTED, builtin_types=(bytes,))
    fields |= {"colour": "red"}
    fields["problem"] |= {"mood": ["bad"], "severity": "fatal"}
    data = written(text, NEW_ID, fields)
    book = SchemaBook()
    with pytest.raises(Undecodable) as waits:
        decode(data, book=book)
    assert waits.value.reason is UndecodableReason.UNKNOWN_OWN_SCHEMA
    assert waits.value.schema_id == NEW_ID
    book.add_foreign_schema(NEW_ID, text)
    event = decode(data, book=book)
    assert event == REPORTED
    assert isinstance(event, ProblemReported)
    assert event.problem.severity is Severity.UNKNOWN


def test_what_is_learned_does_not_change_what_is_written_nor_other_books() -> None:
    text = changed("ProblemReported", newer_report)
    book = SchemaBook()
    before = book.written()
    book.add_foreign_schema(NEW_ID, text)
    assert book.written() == before == SHIPPED.written()
    assert encode(REPORTED, book=book) == encode(REPORTED)
    assert SHIPPED.entry(NEW_ID) is None


@given(st.binary(max_size=200))
def test_any_bytes_behind_a_learned_schema_are_refused_or_read(value: bytes) -> None:
    try:
        event = decode(b"\0" + NEW_ID.to_bytes(4, "big") + value, book=LEARNED)
    except Undecodable:
        return
    assert decode(encode(event)) == event


LEARNED = SchemaBook()
LEARNED.add_foreign_schema(NEW_ID, changed("ProblemReported", newer_report))


@pytest.mark.parametrize(
    ("cut", "reason"),
    [(slice(None, -1), "truncated"), (slice(None, 9), "truncated")],
)
def test_cut_values_of_a_learned_schema_are_truncated(cut: slice, reason: str) -> None:
    fields = msgspec.to_builtins(REPORTED, builtin_types=(bytes,)) | {"colour": None}
    data = written(changed("ProblemReported", newer_report), NEW_ID, fields)
    with pytest.raises(Undecodable, match=reason):
        decode(data[cut], book=LEARNED)
    with pytest.raises(Undecodable, match="trailing_bytes"):
        decode(data + b"\0", book=LEARNED)


def _as_millis(schema: Any) -> None:
    schema["fields"][2]["type"]["logicalType"] = "timestamp-millis"


def _without_partition(schema: Any) -> None:
    schema["fields"].pop()


def _with(type_: Any) -> Callable[[Any], object]:
    return lambda schema: schema["fields"].append({"name": "more", "type": type_})


@pytest.mark.parametrize(
    ("what", "schema_id", "text", "why"),
    [
        ("an id that means another schema", 1000, TEXTS["Tick"], "already means io.tocsin.ProblemReported"),
        ("an id below ours", 999, TEXTS["Tick"], "not one of Tocsin's"),
        ("an id above ours", 2000, TEXTS["Tick"], "not one of Tocsin's"),
        ("no JSON", NEW_ID, "{", "not JSON"),
        ("a large text", NEW_ID, " " * (MAX_TEXT + 1), "larger than"),
        ("recursion", NEW_ID, changed("Tick", _with(["null", "Tick"])), "recursion"),
        ("items of zero bytes", NEW_ID, changed("Tick", _with({"type": "array", "items": "null"})), "zero bytes"),
        ("other times", NEW_ID, changed("Tick", _as_millis), "logical type differs"),
        ("a field that we need is gone", NEW_ID, changed("Tick", _without_partition), "partition is not written"),
        ("an event that we do not have", NEW_ID, changed("Tick", lambda s: s.update(name="Tock")), "does not have"),
        ("another namespace", NEW_ID, changed("Tick", lambda s: s.update(namespace="io.x")), "does not have"),
        ("a name that is no name", NEW_ID, changed("Tick", _with({"type": "enum", "name": "1 x", "symbols": []})), ":"),
    ],
)
def test_what_must_not_be_learned(what: str, schema_id: int, text: str, why: str) -> None:
    book = SchemaBook()
    with pytest.raises(SchemaRefused, match=why):
        book.add_foreign_schema(schema_id, text)
    assert book.entries == SHIPPED.entries


def test_learning_the_same_again_or_what_is_shipped_does_nothing() -> None:
    book = SchemaBook()
    book.add_foreign_schema(1003, TEXTS["Tick"])
    text = changed("Tick", _with(["null", "string"]))
    book.add_foreign_schema(NEW_ID, text)
    book.add_foreign_schema(NEW_ID, text)
    assert len(book.entries) == len(SHIPPED.entries) + 1
    with pytest.raises(SchemaRefused, match="already means"):
        book.add_foreign_schema(NEW_ID, changed("Tick", _with(["null", "long"])))


def test_an_older_version_is_read_and_the_newest_is_written() -> None:
    older = changed("Tick", lambda schema: schema["fields"].pop(5))
    entries = [msgspec.structs.replace(e, version=2) if e.event_name == "Tick" else e for e in shipped_entries()]
    entries.append(
        SchemaEntry(id=1500, subject="io.tocsin.Tick", version=1, file="", fingerprint=fingerprint(older), text=older)
    )
    book = SchemaBook(entries)
    fields = {"event_id": "e", "tenant": "t", "occurred_at": 1, "recorded_at": 2, "cause": None, "partition": 3}
    tick = Tick(event_id="e", tenant="t", occurred_at=1, recorded_at=2, partition=3)
    assert decode(written(older, 1500, fields), book=book) == tick
    assert encode(tick, book=book)[:5] == b"\0" + (1003).to_bytes(4, "big")
    assert [entry.id for entry in book.written() if entry.event_name == "Tick"] == [1003]
