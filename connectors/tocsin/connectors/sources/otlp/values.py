"""Values of attributes, as plain ones: bounded, and nothing in them that JSON could not say."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.sources.otlp.bounds import MAX_ATTRIBUTES, Budget

MAX_NESTING = 8
"""How deep lists and objects within a value are told."""
MAX_INSIDE = 256
"""How many values of one list or object are told."""
CUT = "..."
"""What stands for what is not told."""


def plain_attributes(attributes: Any, budget: Budget) -> dict[str, Any]:
    """Attributes by their keys; of a key that is there twice the first. Raises Unreadable when they are too many."""
    if len(attributes) > MAX_ATTRIBUTES:
        raise Unreadable(UnreadableReason.TOO_MANY_MEMBERS, expected=f"at most {MAX_ATTRIBUTES} attributes")
    return _object(attributes, 0, budget)


def plain(value: AnyValue, budget: Budget, depth: int = 0) -> Any:
    """A value as JSON has it; None when it has none. Raises Unreadable when there are too many in it."""
    kind = value.WhichOneof("value")
    if kind in _INSIDE:
        return _inside(value, depth, budget)
    return _PLAIN[kind](value) if kind in _PLAIN else None


def as_text(value: Any) -> str:
    """A value in words: a text as it is, of all others the JSON."""
    return value if isinstance(value, str) else "" if value is None else json_text(value)


def clipped(text: str, most: int) -> str:
    """A text of no more characters than that, with a mark where the rest would stand."""
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def _object(pairs: Sequence[KeyValue], depth: int, budget: Budget) -> dict[str, Any]:
    budget.look(len(pairs))
    found: dict[str, Any] = {}
    for pair in pairs:
        if pair.key not in found:
            found[pair.key] = plain(pair.value, budget, depth)
    return found


def _inside(value: AnyValue, depth: int, budget: Budget) -> Any:
    if depth >= MAX_NESTING:
        return CUT
    if value.WhichOneof("value") == "array_value":
        items = value.array_value.values
        told = items[:MAX_INSIDE]
        budget.look(len(told))
        return [plain(one, budget, depth + 1) for one in told] + [CUT] * (len(items) > MAX_INSIDE)
    return _object(value.kvlist_value.values[:MAX_INSIDE], depth + 1, budget)


def _number(value: AnyValue) -> float | str:
    number = value.double_value
    return number if math.isfinite(number) else str(number)


_PLAIN: dict[str | None, Callable[[AnyValue], Any]] = {
    "string_value": lambda value: value.string_value,
    "bool_value": lambda value: value.bool_value,
    "int_value": lambda value: value.int_value,
    "double_value": _number,
    "bytes_value": lambda value: base64.b64encode(value.bytes_value).decode(),
}
_INSIDE = frozenset({"array_value", "kvlist_value"})
