"""JSON as SDKs of many languages write it: NaN, half an emoji, text that is no UTF-8. What is needed of it is taken,
each value for what it may be and cut to what is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.connectors.dialects import Unreadable, UnreadableReason

Object = Mapping[str, Any]


def read_object(raw: bytes, pointer: str, kind: type[msgspec.Struct] | None = None) -> dict[str, Any]:
    """The members of a JSON object; only those of `kind`, if it is given. Raises Unreadable for what is none."""
    try:
        found = (
            msgspec.json.decode(raw) if kind is None else msgspec.structs.asdict(msgspec.json.decode(raw, type=kind))
        )
    except (msgspec.MsgspecError, ValueError, RecursionError):
        found = _carefully(raw, pointer)
        if kind is not None and isinstance(found, dict):
            found = {name: found.get(name) for name in kind.__struct_fields__}
    if not isinstance(found, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, pointer, "an object")
    return found


def _carefully(raw: bytes, pointer: str) -> object:
    """By the standard library, which takes what msgspec does not."""
    try:
        found: object = json.loads(raw.decode("utf-8-sig", "replace"))
    except RecursionError:
        raise Unreadable(UnreadableReason.TOO_DEEP, pointer, "less depth") from None
    except json.JSONDecodeError as error:
        raise Unreadable(UnreadableReason.NOT_JSON, pointer, "JSON", offset=error.pos) from None
    except ValueError:  # an integer of thousands of digits
        raise Unreadable(UnreadableReason.NUMBER_OUT_OF_RANGE, pointer, "numbers") from None
    return found


def object_of(value: object) -> dict[str, Any]:
    """The object that it is, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[dict[str, Any]]:
    """The objects in a list, or in the `values` of an object; that object itself where it has none."""
    if isinstance(value, dict):
        value = value.get("values", [value])
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text_of(value: object, most: int) -> str:
    """The text that it is, or a number's, of at most so many characters; else an empty one."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        value = str(value) if isinstance(value, float) or abs(value) < 10**100 else ""
    if not isinstance(value, str):
        return ""
    cut = value[:most]
    return cut if cut.isascii() else cut.encode("utf-8", "backslashreplace").decode()
