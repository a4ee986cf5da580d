"""An export in JSON: proto3's mapping, but for the ids, which are hexadecimal (OTLP "JSON Protobuf Encoding").

Records become the same messages as in protobuf, so that both forms are read by one reader.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.json_text import OF_A_PART, parse_json, parse_with_holes
from tocsin.connectors.sources.otlp.bounds import FEW, MAX_PARTS, MAX_RECORD, Budget, Group, Parts
from tocsin.connectors.sources.otlp.signals import Signal

MAX_OBJECTS = 20 * MAX_PARTS
"""Objects and lists of one export: they are counted by their brackets before one of them is built."""
OBJECT = 5
"""How many values an object of JSON counts: the library takes its time for each."""
MAX_DEPTH = 64
"""An attribute lies ten levels deep, and each list within it three more."""

_IDS = ("traceId", "spanId")
_SEVERITIES = frozenset(SeverityNumber.keys())
_NUMBER = re.compile(r"[0-9]{1,10}")
_NAMED = {"Resource": ("attributes",), "InstrumentationScope": ("name", "version", "attributes")}


def groups(body: bytes, signal: Signal) -> Iterator[Group[Any]]:
    """As those of `wire`. Raises Unreadable."""
    if body.count(b"{") + body.count(b"[") > MAX_OBJECTS:
        raise Unreadable(UnreadableReason.TOO_LARGE, expected=f"at most {MAX_OBJECTS} objects and lists")
    document = _document(body, signal)
    parts, (of_export, of_resource, of_scope) = Parts(), signal.groups
    for group in parts.count(_list(document, of_export)):
        for scoped in parts.count(_list(group, of_resource)):
            records = parts.count(_list(scoped, of_scope))
            yield Group(group.get("resource") or {}, scoped.get("scope") or {}, records)


def message(part: Any, kind: type[Message], signal: Signal, budget: Budget) -> Message:
    """A record, resource or scope as the library has it. Raises Unreadable."""
    if not isinstance(part, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    members = signal.members if kind is signal.record else _NAMED[kind.DESCRIPTOR.name]
    kept = {name: part[name] for name in members if name in part}
    try:
        written = msgspec.json.encode(kept)
    except UnicodeEncodeError:
        raise Unreadable(UnreadableReason.LONE_SURROGATE, expected="text that UTF-8 can hold") from None
    budget.look(OBJECT * written.count(b"{") + len(written) // FEW)
    if len(written) > MAX_RECORD:
        raise Unreadable(UnreadableReason.TOO_LARGE, expected=f"at most {MAX_RECORD} bytes")
    for name in _IDS:
        if kept.get(name):
            kept[name] = _base64(kept[name], name)
    severity = kept.get("severityNumber")
    if isinstance(severity, str) and severity not in _SEVERITIES and not _NUMBER.fullmatch(severity):
        # the library would take an unknown one, and a number with too many digits, for none, and an error for no error
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/severityNumber", "a number of OTLP's, such as 17")
    try:
        return ParseDict(kept, kind(), ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError):
        # what the library says of it quotes the record
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="members as OTLP/JSON has them") from None


def _document(body: bytes, signal: Signal) -> object:
    """The export; with holes where a part of it cannot be kept, so that only the record is refused in which one is."""
    try:
        return parse_json(body, max_bytes=len(body), max_depth=MAX_DEPTH)
    except Unreadable as error:
        if error.reason not in OF_A_PART:
            raise
        found = parse_with_holes(body, max_depth=MAX_DEPTH)
        if not _list(found, signal.groups[0]):
            raise
        return found


def _list(holder: Any, name: str) -> list[Any]:
    if not isinstance(holder, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected=f"an object with {name}")
    found = holder.get(name)
    if not isinstance(found, list | None):
        raise Unreadable(UnreadableReason.WRONG_TYPE, f"/{name}", "a list")
    return found or []


def _base64(digits: object, name: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(digits)).decode()  # type: ignore[arg-type]
    except (ValueError, TypeError):
        raise Unreadable(UnreadableReason.WRONG_TYPE, f"/{name}", "hexadecimal digits") from None
