"""Schemas that would let a small value cost much are refused; any text gives a tree or MalformedSchema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.lock import shipped_entries
from tocsin.schemas.schema_tree import MAX_TEXT, MalformedSchema, parse_schema_text
from tocsin.schemas.soundness import soundness_findings


def record(*types: Any, name: str = "R", **field: Any) -> dict[str, Any]:
    fields = [{"name": f"f{number}", "type": of, **field} for number, of in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def laughs(levels: int) -> dict[str, Any]:
    """Ten nulls, ten of those, ten of those ...: one zero-byte value of 10^levels objects."""
    inner: Any = "null"
    for level in range(levels):
        name = f"L{level}"
        inner = record({**record(*([inner] + [inner if isinstance(inner, str) else inner["name"]] * 9), name=name)})
        inner = inner["fields"][0]["type"]
    return {"type": "record", "name": "R", "fields": [{"name": "f", "type": inner}]}


EMPTY = record(name="Empty")
ENUM = {"type": "enum", "name": "E", "symbols": ["a", "unknown"], "default": "unknown"}
EMPTY_FIXED = {"type": "fixed", "name": "F", "size": 0}
HOLDS_EMPTY = record(EMPTY, "null", name="I")
MANY_NULLS = record("int", *["null"] * 100, name="I")
MANY = "items of 102 types that may take only 1 bytes"
ZERO = "items of zero bytes: five bytes would make millions of them"
NO_DEFAULT = "an enum needs a default among its symbols, for symbols that come later"
MISFIT = "the default does not fit the type"


def reasons(schema: Any) -> list[tuple[str, str]]:
    found = soundness_findings(parse_schema_text(json.dumps(schema)), "f.avsc")
    return [(finding.pointer, finding.reason) for finding in found]


@pytest.mark.parametrize(
    ("what", "schema", "expected"),
    [
        ("a plain record", record("string", array("string"), ENUM), []),
        ("a type used twice", record(EMPTY, "Empty"), []),
        ("recursion through a union", record(["null", "R"]), [("/fields/0/type/1", "recursion through R")]),
        ("recursion through items", record(array("R")), [("/fields/0/type/items", "recursion through R")]),
        (
            "recursion through another record",
            record(record(["null", "R"], name="I")),
            [("/fields/0/type/fields/0/type/1", "recursion through R")],
        ),
        ("items that are null", record(array("null")), [("/fields/0/type", ZERO)]),
        ("items that are empty records", record(array(EMPTY)), [("/fields/0/type", ZERO)]),
        ("items that hold only empty records", record(array(HOLDS_EMPTY)), [("/fields/0/type", ZERO)]),
        ("items that are a fixed of no size", record(array(EMPTY_FIXED)), [("/fields/0/type", ZERO)]),
        ("items that are a reference to an empty record", record(EMPTY, array("Empty")), [("/fields/1/type", ZERO)]),
        ("items that are a union with null", record(array(["null", "string"])), []),
        ("items of a byte and many nulls", record(array(MANY_NULLS)), [("/fields/0/type", MANY)]),
        ("values that are null (their keys take bytes)", record({"type": "map", "values": "null"}), []),
        ("an enum without a default", record({**ENUM, "default": None}), [("/fields/0/type", NO_DEFAULT)]),
        ("an enum with a default elsewhere", record({**ENUM, "default": "x"}), [("/fields/0/type", NO_DEFAULT)]),
        ("not a record", "string", [("", "an event is a record")]),
        ("a thousand laughs", laughs(3), []),
        ("a million laughs", laughs(6), [("", "expands to 1111112 types, more than 5000")]),
        ("a billion laughs", laughs(9), [("", "expands to 1111111112 types, more than 5000")]),
    ],
)  # fmt: skip
def test_table(what: str, schema: Any, expected: list[tuple[str, str]]) -> None:
    assert reasons(schema) == expected


NESTED = record("long", name="N")
NESTED["fields"] += [{"name": "b", "type": "long", "default": 1}]
IN_DEFAULT = [("/fields/0/default", MISFIT)]
DEEP = '{"type": "array", "items": ' * 40 + '"int"' + "}" * 40
FIELD = '{"name": "f", "type": "int"}'


@pytest.mark.parametrize(
    ("type_", "fitting", "misfits"),
    [
        ("null", [None], [0, ""]),
        ("boolean", [True], [1, None]),
        ("long", [1, -1], [True, "1", 1.5, None]),
        ("double", [1, 1.5], [True, "1"]),
        ("string", [""], [1, None]),
        ("bytes", ["\x00ÿ"], ["Ā", 1]),
        (ENUM, ["a"], ["b", None, []]),
        (["null", "string"], [None], ["x"]),
        (["string", "null"], ["x"], [None]),
        (array("long"), [[], [1]], [["x"], {}, None]),
        ({"type": "map", "values": "long"}, [{}, {"a": 1}], [{"a": "x"}, []]),
        (NESTED, [{"f0": 1}, {"f0": 1, "b": 2}], [{}, {"f0": "x"}, []]),
    ],
)
def test_defaults_must_fit(type_: Any, fitting: list[Any], misfits: list[Any]) -> None:
    assert [value for value in fitting if reasons(record(type_, default=value))] == []
    assert [value for value in misfits if reasons(record(type_, default=value)) != IN_DEFAULT] == []


@pytest.mark.parametrize(
    ("what", "text", "pointer", "why"),
    [
        ("no JSON", "{", "", "not JSON"),
        ("deep JSON", "[" * 100_000, "", "not JSON"),
        ("too large", " " * (MAX_TEXT + 1), "", "larger than"),
        ("a number", "1", "", "not an Avro type"),
        ("a record without fields", '{"type": "record", "name": "R"}', "", "needs a list of fields"),
        ("a record without a name", '{"type": "record", "fields": []}', "", "not an Avro type"),
        ("an unknown name", json.dumps(record("Nobody")), "/fields/0/type", "no type before this is called Nobody"),
        ("a name used too early", json.dumps(record("Empty", EMPTY)), "/fields/0/type", "no type before this"),
        ("a name twice", json.dumps(record(EMPTY, EMPTY)), "/fields/1/type", "Empty is defined twice"),
        ("a field twice", f'{{"type":"record","name":"R","fields":[{FIELD},{FIELD}]}}', "/fields/1", "a field needs"),
        ("types nested too deep", DEEP, "/items" * 33, "nested deeper than 32"),
        ("a namespace that is no text", '{"type":"record","name":"R","namespace":1}', "/namespace", "must be text"),
        ("symbols that are no texts", '{"type":"enum","name":"E","symbols":[1]}', "/symbols", "must be a list"),
        ("a fixed without a size", '{"type":"fixed","name":"F"}', "", "a fixed needs a size"),
    ],
)  # fmt: skip
def test_what_is_not_a_schema(what: str, text: str, pointer: str, why: str) -> None:
    with pytest.raises(MalformedSchema, match=why) as refused:
        parse_schema_text(text)
    assert refused.value.pointer == pointer


WORDS = st.sampled_from(
    ["type", "name", "fields", "items", "record", "array", "union", "null", "long", "R", "enum", "symbols"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
)


@given(JSON.map(json.dumps) | st.text())
def test_any_text_is_a_tree_or_malformed(text: str) -> None:
    try:
        tree = parse_schema_text(text)
    except MalformedSchema:
        return
    soundness_findings(tree, "any")


@pytest.mark.parametrize("entry", shipped_entries(), ids=lambda entry: entry.file)
def test_shipped_schemas_are_sound(entry: Any) -> None:
    assert soundness_findings(parse_schema_text(entry.text), entry.file) == []


def test_names_are_full_and_namespaces_inherited() -> None:
    tree = parse_schema_text(json.dumps({**record(EMPTY, "io.x.Empty", "Empty"), "namespace": "io.x"}))
    assert set(tree.names) == {"io.x.R", "io.x.Empty"}
    assert [field.type.name for field in tree.root.fields] == ["io.x.Empty"] * 3
