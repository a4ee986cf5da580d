"""Each model and its newest schema say the same: names and order of fields, types, defaults, enum symbols."""

from __future__ import annotations

import json
import typing
from enum import Enum
from types import NoneType, UnionType
from typing import Any

import msgspec
import pytest

from tocsin.schemas.events import EVENTS, Tick
from tocsin.schemas.lock import shipped_entries
from tocsin.schemas.schema_tree import SchemaTree, parse_schema_text

NEWEST = {entry.event_name: entry for entry in sorted(shipped_entries(), key=lambda entry: entry.version or 0)}
PLAIN = {str: "string", int: "long", bool: "boolean", bytes: "bytes", NoneType: "null"}
TIMES = {
    "occurred_at",
    "recorded_at",
    "noticed_at",
    "until",
    "since",
    "first_seen",
    "last_seen",
    "starts_at",
    "ends_at",
    "retry_at",
    "first_step_at",
    "created_at",
    "expires_at",
}


def schema_of_hint(hint: Any, name: str, seen: set[str]) -> Any:
    """The Avro type that a type hint stands for, without docs."""
    arguments = typing.get_args(hint)
    match typing.get_origin(hint):
        case None if hint is int and name in TIMES:
            return {"type": "long", "logicalType": "timestamp-micros"}
        case None if hint in PLAIN:
            return PLAIN[hint]
        case None:
            return schema_of_class(hint, seen)
        case origin if origin is list:
            return {"type": "array", "items": schema_of_hint(arguments[0], name, seen)}
        case origin if origin is dict:
            assert arguments[0] is str
            return {"type": "map", "values": schema_of_hint(arguments[1], name, seen)}
        case origin if origin in (UnionType, typing.Union):
            in_order = sorted(arguments, key=lambda argument: argument is not NoneType)
            return [schema_of_hint(argument, name, seen) for argument in in_order]
    raise AssertionError(hint)


def schema_of_class(model: Any, seen: set[str]) -> Any:
    """The Avro record or enum of a class; the name alone when it was there before."""
    if model.__name__ in seen:
        return model.__name__
    seen.add(model.__name__)
    if issubclass(model, Enum):
        return {"type": "enum", "name": model.__name__, "symbols": [each.value for each in model], "default": "unknown"}
    hints = typing.get_type_hints(model)
    fields = []
    for field in msgspec.structs.fields(model):
        row = {"name": field.name, "type": schema_of_hint(hints[field.name], field.name, seen)}
        if not field.required:
            default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            row["default"] = default.decode("latin-1") if isinstance(default, bytes) else msgspec.to_builtins(default)
        fields.append(row)
    return {"type": "record", "name": model.__name__, "fields": fields}


def without(schema: Any, key: str) -> Any:
    if isinstance(schema, list):
        return [without(each, key) for each in schema]
    if isinstance(schema, dict):
        return {name: without(value, key) for name, value in schema.items() if name != key}
    return schema


@pytest.mark.parametrize("event", EVENTS)
def test_model_and_newest_schema_are_equal(event: str) -> None:
    schema = without(json.loads(NEWEST[event].text), "doc")
    assert schema == {**schema_of_class(EVENTS[event], set()), "namespace": "io.tocsin"}


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_starts_with_the_common_fields(event: str) -> None:
    common = ("event_id", "tenant", "occurred_at", "recorded_at", "cause", "traceparent")
    assert EVENTS[event].__struct_fields__[:6] == common


@pytest.mark.parametrize("event", EVENTS)
def test_every_type_and_field_is_documented(event: str) -> None:
    text = NEWEST[event].text
    tree: SchemaTree = parse_schema_text(text)
    undocumented = [field.pointer for node in tree.names.values() for field in node.fields if not field.doc]
    assert undocumented == []
    assert text.count('"doc"') == len(tree.names) + sum(len(node.fields) for node in tree.names.values())


def test_every_event_has_a_schema_and_every_schema_an_event() -> None:
    assert set(EVENTS) == set(NEWEST)
    assert all(entry.subject == f"io.tocsin.{name}" for name, entry in NEWEST.items())


def test_events_are_frozen() -> None:
    tick = Tick(event_id="e", tenant="t", occurred_at=1, recorded_at=1, partition=0)
    with pytest.raises(AttributeError):
        tick.tenant = "other"  # type: ignore[misc]
