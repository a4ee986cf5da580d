"""Can values of one schema be read with another? Our answer, and that of Apache's avro where it can be trusted."""

from __future__ import annotations

import json
from typing import Any

import avro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from tocsin.schemas.compatibility import read_findings
from tocsin.schemas.lock import shipped_entries
from tocsin.schemas.schema_tree import parse_schema_text

MICROS = {"type": "long", "logicalType": "timestamp-micros"}
LOGICAL = "the logical type differs: timestamp-micros"
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}


def record(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(type_: Any, name: str = "f", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **more}


def one(type_: Any) -> dict[str, Any]:
    return record(field(type_))


def enum(*symbols: str, name: str = "E", **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def fixed(size: int, name: str = "F") -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def mapping(values: Any) -> dict[str, Any]:
    return {"type": "map", "values": values}


TWICE = record(field(record(field("int"), name="I"), "a"), field("I", "b"))
TWICE_LONG = record(field(record(field("long"), name="I"), "a"), field("I", "b"))

# what, writer, reader, ours
AS_AVRO: list[tuple[str, Any, Any, bool]] = [
    ("the same", one("string"), one("string"), True),
    ("a field added with a default", record(), record(field("int", default=1)), True),
    ("a field added without a default", record(), one("int"), False),
    ("a field removed", one("int"), record(), True),
    ("another type", one("string"), one("long"), False),
    ("int read as long", one("int"), one("long"), True),
    ("int read as double", one("int"), one("double"), True),
    ("long read as int", one("long"), one("int"), False),
    ("long read as float", one("long"), one("float"), True),
    ("double read as float", one("double"), one("float"), False),
    ("boolean read as int", one("boolean"), one("int"), False),
    ("text read as bytes", one("string"), one("bytes"), True),
    ("a type becomes optional", one("string"), one(["null", "string"]), True),
    ("an optional type becomes required", one(["null", "string"]), one("string"), False),
    ("a branch added", one(["null", "string"]), one(["null", "string", "long"]), True),
    ("a branch removed", one(["null", "string", "long"]), one(["null", "string"]), False),
    ("branches in another order", one(["null", "string"]), one(["string", "null"]), True),
    ("a branch that is promoted", one(["null", "int"]), one(["null", "long"]), True),
    ("null no longer allowed", one("null"), one(["string", "long"]), False),
    ("a symbol added, with a default", one(enum("a", "b", "u")), one(enum("a", "u", default="u")), True),
    ("a symbol added, without a default", one(enum("a", "b")), one(enum("a")), False),
    ("a symbol removed", one(enum("a")), one(enum("a", "b")), True),
    ("an enum read as text", one(enum("a")), one("string"), False),
    ("an enum renamed", one(enum("a")), one(enum("a", name="G")), False),
    ("a fixed of the same size", one(fixed(2)), one(fixed(2)), True),
    ("a fixed of another size", one(fixed(2)), one(fixed(3)), False),
    ("a fixed renamed", one(fixed(2)), one(fixed(2, name="G")), False),
    ("items promoted", one(array("int")), one(array("long")), True),
    ("items of another type", one(array("long")), one(array("string")), False),
    ("an array read as a map", one(array("long")), one(mapping("long")), False),
    ("values promoted", one(mapping("int")), one(mapping("long")), True),
    ("values of another type", one(mapping("long")), one(mapping("string")), False),
    ("a record within", one(record(field("int"), name="I")), one(record(field("long"), name="I")), True),
    ("a record within, worse", one(record(field("long"), name="I")), one(record(field("int"), name="I")), False),
    ("a record within a union", one(["null", record(name="I")]), one(["null", record(field("int"), name="I")]), False),
    ("a record named twice", TWICE, TWICE_LONG, True),
    ("a record named twice, worse", TWICE_LONG, TWICE, False),
    ("a field renamed, with an alias", one("int"), record(field("int", "g", aliases=["f"])), True),
    ("a field renamed, with a wrong alias", one("int"), record(field("int", "g", aliases=["h"])), False),
    ("another record", record(name="R"), record(name="S"), False),
    ("another record, with an alias", record(name="R"), record(name="S", aliases=["R"]), True),
]

# Where we say no and Avro yes: logical types it does not look at, and bytes that need not be UTF-8.
STRICTER: list[tuple[str, Any, Any, bool]] = [
    ("micros read as millis", one(MICROS), one(MILLIS), False),
    ("micros read as a plain long", one(MICROS), one("long"), False),
    ("a plain long read as micros", one("long"), one(MICROS), False),
    ("optional micros read as optional millis", one(["null", MICROS]), one(["null", MILLIS]), False),
    ("items in micros read as millis", one(array(MICROS)), one(array(MILLIS)), False),
    ("bytes read as text", one("bytes"), one("string"), False),
]
SAME_MICROS = [("micros read as micros", one(MICROS), one(MICROS), True)]
TABLE = [*AS_AVRO, *STRICTER, *SAME_MICROS]


def findings(writer: Any, reader: Any) -> list[tuple[str, str]]:
    found = read_findings(
        writer=parse_schema_text(json.dumps(writer)), reader=parse_schema_text(json.dumps(reader)), file="r.avsc"
    )
    assert all(each.file == "r.avsc" for each in found)
    return [(each.pointer, each.reason) for each in found]


@pytest.mark.parametrize(("what", "writer", "reader", "readable"), TABLE, ids=[row[0] for row in TABLE])
def test_table(what: str, writer: Any, reader: Any, readable: bool) -> None:
    assert (findings(writer, reader) == []) == readable


def avro_says(writer: Any, reader: Any) -> bool:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    answer = checker.get_compatibility(avro.schema.parse(json.dumps(reader)), avro.schema.parse(json.dumps(writer)))
    return answer.compatibility is SchemaCompatibilityType.compatible


@pytest.mark.parametrize(("what", "writer", "reader", "readable"), AS_AVRO, ids=[row[0] for row in AS_AVRO])
def test_table_agrees_with_apache_avro(what: str, writer: Any, reader: Any, readable: bool) -> None:
    assert avro_says(writer, reader) == readable


@pytest.mark.parametrize(("what", "writer", "reader", "readable"), STRICTER, ids=[row[0] for row in STRICTER])
def test_apache_avro_is_still_blind_where_we_are_stricter(what: str, writer: Any, reader: Any, readable: bool) -> None:
    assert avro_says(writer, reader)


EVERY_TYPE: list[Any] = [
    *("null", "boolean", "int", "long", "float", "double", "string"),
    *(enum("a", "b"), enum("a", default="a"), fixed(1), fixed(2), array("int"), array("string"), mapping("long")),
    *(["null", "int"], ["int", "string"], ["null", "long", "string"], record(name="I"), record(field("int"), name="I")),
]


@pytest.mark.parametrize("writer", EVERY_TYPE, ids=json.dumps)
def test_every_pair_of_types_agrees_with_apache_avro(writer: Any) -> None:
    for reader in EVERY_TYPE:
        assert (findings(one(writer), one(reader)) == []) == avro_says(one(writer), one(reader)), reader


@pytest.mark.parametrize(
    ("writer", "reader", "pointer", "reason"),
    [
        (record(), one("int"), "/fields/0", "field f is not written and has no default"),
        (one("string"), one("long"), "/fields/0/type", "string cannot be read as long"),
        (one(MICROS), one(MILLIS), "/fields/0/type", f"{LOGICAL} is read as timestamp-millis"),
        (one(MICROS), one("long"), "/fields/0/type", f"{LOGICAL} is read as none"),
        (one(array("string")), one(array("int")), "/fields/0/type/items", "string cannot be read as int"),
        (one(["null", "long"]), one(["null", "string"]), "/fields/0/type", "no branch of the union reads long"),
        (one(enum("a", "b")), one(enum("a")), "/fields/0/type", "symbols b are unknown and there is no default"),
        (one(fixed(1)), one(fixed(2)), "/fields/0/type", "the size changes from 1 to 2"),
        (record(name="R"), record(name="S"), "", "R was renamed to S"),
    ],
)  # fmt: skip
def test_a_finding_says_where_and_why(writer: Any, reader: Any, pointer: str, reason: str) -> None:
    assert findings(writer, reader) == [(pointer, reason)]


def test_every_shipped_schema_reads_itself() -> None:
    for entry in shipped_entries():
        tree = parse_schema_text(entry.text)
        assert read_findings(writer=tree, reader=tree, file=entry.file) == []
