"""Structs as JSON without what is as if nothing were said: read by msgspec, the struct is the same."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

_encode = msgspec.json.Encoder().encode


def compact_json(struct: Struct) -> bytes:
    """The JSON of a struct, without fields that have their default."""
    return _encode(_said(struct))


def _said(struct: Struct) -> dict[str, Any]:
    said = {}
    for name, default in _defaults(type(struct)):
        value = getattr(struct, name)
        if value is default or (not value and value == default):
            continue
        if isinstance(value, Struct):
            value = _said(value)
            if not value and default is not None:
                continue
        said[name] = value
    return said


@lru_cache(maxsize=64)
def _defaults(kind: type[Struct]) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, _default(field)) for field in fields(kind))


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default is not NODEFAULT:
        return field.default
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return NODEFAULT
