"""Rows of the store as members of JSON, and the JSON Schema of those: a time is RFC 3339, what is not known is left
out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.connectors.store.structs import Page
from tocsin.streams.rules.notification import timestamp

TIMES = frozenset({"at", "until", "since", "hour"})
"""Names of times besides those that end with `_at` or `_until`."""

DATE_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}


def is_time(name: str) -> bool:
    """Whether a column of this name holds a time."""
    return name in TIMES or name.endswith(("_at", "_until"))


def shown(row: Struct, *without: str) -> dict[str, Any]:
    """The members of a row but for some; bytes are JSON."""
    return {
        name: _value(name, value)
        for name in row.__struct_fields__
        if name not in without and (value := getattr(row, name)) is not None
    }


def page(found: Page[Any], more: str | None, items: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A page of a list; `more` is where the next one is."""
    return {"items": list(items)} | ({} if found.cursor is None or more is None else {"next": more})


def schema_of(kind: type[Struct], *without: str, **more: Any) -> dict[str, Any]:
    """The JSON Schema of what `shown` makes, with `more` members."""
    fields = msgspec.structs.fields(kind)
    members = {field.name: _schema(field.name, field.type) for field in fields if field.name not in without}
    return {"type": "object", "properties": members | more}


def page_schema(item: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a page of such items."""
    members = {"items": {"type": "array", "items": item}, "next": {"type": "string"}}
    return {"type": "object", "properties": members, "required": ["items"]}


def described(schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    """An answer of OpenAPI with this schema."""
    return {"description": "What is known", "content": {media_type: {"schema": schema}}}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return msgspec.Raw(value)
    return timestamp(value) if is_time(name) else value


_KINDS = (("tuple", "array"), ("list", "array"), ("bool", "boolean"), ("int", "integer"), ("str", "string"))
"""What stands in the name of a Python type -> the type of JSON: the outermost first."""


def _schema(name: str, kind: Any) -> dict[str, Any]:
    if is_time(name):
        return DATE_TIME
    if "bytes" in str(kind):
        return {}
    for python, json in _KINDS:
        if python in str(kind):
            return {"type": json}
    return {}
