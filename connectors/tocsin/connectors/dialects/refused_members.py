"""What msgspec refuses, in words for whoever wrote the document: the member, and what may stand there."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import inspect

from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason

_MEMBER_PATH = re.compile(r"`\$(?P<path>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_EXPECTED = re.compile(r"Expected `([^`]+)`")
_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
TIME = "a whole number: microseconds since 1970-01-01 UTC"


def unreadable(error: msgspec.ValidationError, model: type[msgspec.Struct]) -> Unreadable:
    """msgspec says "Expected `int`, got `str` - at `$.http.status`": the path becomes a pointer, the type is put in
    words, and of an enumeration of `model` the values are listed."""
    message = str(error)
    found = _MEMBER_PATH.search(message)
    path = found.group("path").replace("[...]", "") if found else ""
    pointer = re.sub(r"\[(\d+)\]", r"/\1", path.replace(".", "/"))
    missing = _MISSING.match(message)
    reason = UnreadableReason.MISSING_MEMBER if missing else UnreadableReason.WRONG_TYPE
    if missing:
        pointer += f"/{missing[1]}"
    return Unreadable(reason, pointer, _expected(message, pointer, model))


def _expected(message: str, pointer: str, model: type[msgspec.Struct]) -> str:
    stated = _EXPECTED.match(message)
    kinds = stated[1].split(" | ") if stated else []
    if "int" in kinds and pointer.endswith("_at"):
        return TIME
    if kinds:
        return " or ".join(_WORDS.get(kind, kind) for kind in kinds)
    allowed = _allowed(inspect.type_info(model), pointer.split("/")[1:])
    return f"one of {', '.join(allowed)}" if allowed else "a value that the member allows"


def _allowed(kind: Any, steps: list[str]) -> list[str]:
    if isinstance(kind, inspect.UnionType):
        return next((found for each in kind.types if (found := _allowed(each, steps))), [])
    if isinstance(kind, inspect.EnumType):
        return [str(member.value) for member in kind.cls if member.value != "unknown"]
    if isinstance(kind, inspect.ListType) and steps:
        return _allowed(kind.item_type, steps[1:])
    if isinstance(kind, inspect.StructType) and steps:
        return next((_allowed(field.type, steps[1:]) for field in kind.fields if field.name == steps[0]), [])
    return []
