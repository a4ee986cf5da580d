"""The rows of both agents: what is remembered between events, and their bytes in the changelog.

Rows are msgpack arrays that start with a tag. A new field is added at the end with a default and ROW_VERSION goes up
by one: an older row then still reads, and an older worker halts on a newer row instead of losing it (DESIGN 4).
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec
from msgspec import Struct

from tocsin.schemas.errors import TocsinError

ROW_VERSION = 2
"""The format that `encode_row` writes."""

MAX_KEY_PART = 255
"""Characters of one part of a row key; a longer part is replaced by its SHA-256."""

THREAD_CODES = 16
"""How many distinct problem codes a thread remembers."""


class RowUnreadable(TocsinError):
    """A row's bytes are of a newer format, or are no row: the partition halts, the row is kept (DESIGN 4)."""


class SeenRow(Struct, frozen=True, array_like=True, tag="seen", gc=False):
    """`seen/<tenant>/<event id>`: a report was decided at `at`; `survivor` is the event that stands for it."""

    digest: str
    at: int
    case: str
    survivor: str
    repeats: int = 0


class ThreadRow(Struct, frozen=True, array_like=True, tag="thread", gc=False):
    """`thread/<tenant>/<thread id>`: its parent, its problems (`count`, `codes`) and everything else (`activity`)."""

    thread_id: str
    parent: str | None
    first_seen: int
    last_seen: int
    count: int = 0
    activity: int = 0
    codes: tuple[str, ...] = ()


class CaseRow(Struct, frozen=True, array_like=True, tag="case", gc=False):
    """`case/<tenant>/<case>`: how often, first and last, and where it stands."""

    count: int
    first_report: str
    last_report: str
    status: Literal["open", "acknowledged", "resolved"]
    first_seen: int
    last_seen: int


class KeptCommand(Struct, frozen=True, array_like=True, tag="kept", gc=False):
    """`kept/<tenant>/<target>`: a command that came before what it is about (DESIGN 5)."""

    event_id: str
    tenant: str
    kind: str
    target: str
    by: str
    why: str | None
    occurred_at: int
    recorded_at: int
    traceparent: str | None = None


class DeliveryRow(Struct, frozen=True, array_like=True, tag="delivery", gc=False):
    """`delivery/<endpoint>/<delivery id>`: one pending delivery. `attempt` counts the attempts made so far.

    held: behind others in its lane; in_flight: attempted, its timer is the lease; waiting: its timer is the retry;
    parked: its endpoint is disabled, `next_parked` is the one below it on the endpoint's stack.
    `earlier` (since format 2): how many of the attempts were made before it died and was replayed.
    """

    delivery_id: str
    endpoint: str
    tenant: str
    event_id: str
    lane: str | None
    case: str | None
    about: str
    content_type: str
    body: bytes
    replay: int
    occurred_at: int
    enqueued_at: int
    cause: str | None = None
    traceparent: str | None = None
    state: Literal["held", "in_flight", "waiting", "parked"] = "held"
    attempt: int = 0
    leases: int = 0
    last_reason: str = ""
    next_parked: str | None = None
    earlier: int = 0


class FinishedRow(Struct, frozen=True, array_like=True, tag="finished", gc=False):
    """Takes the place of a DeliveryRow that is done or dead, for the time that repeats are absorbed."""

    state: Literal["done", "dead"]
    attempt: int
    at: int


class LaneRow(Struct, frozen=True, array_like=True, tag="lane", gc=False):
    """`lane/<endpoint>/<lane>`: delivery ids in strict order; the first one has its turn, the others are held."""

    endpoint: str
    lane: str
    queue: tuple[str, ...]


class EndpointRow(Struct, frozen=True, array_like=True, tag="endpoint", gc=False):
    """`endpoint/<endpoint>`: kept while it is not simply enabled; `parked` is the top of its stack of deliveries."""

    endpoint: str
    status: Literal["enabled", "disabled", "removed"]
    since: int
    parked: str | None = None


Row = SeenRow | ThreadRow | CaseRow | KeptCommand | DeliveryRow | FinishedRow | LaneRow | EndpointRow
"""Any row."""

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Row] = msgspec.msgpack.Decoder(Row)


def encode_row(row: Row) -> bytes:
    """The bytes of a row, of format ROW_VERSION."""
    return _encoder.encode(row)


def decode_row(data: bytes, version: int) -> Row:
    """The row in `data`, written as format `version`; raises RowUnreadable."""
    if version > ROW_VERSION:
        raise RowUnreadable(f"row format {version} is newer than {ROW_VERSION}, which this worker knows")
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RowUnreadable(f"these {len(data)} bytes are no row: {error}") from error


def row_key(kind: str, *parts: str) -> str:
    """`kind/part/part`, with the separator escaped in parts, so that two different subjects never share a row."""
    key = "/".join((kind, *parts))
    if len(key) <= MAX_KEY_PART and "%" not in key and key.count("/") == len(parts):
        return key  # nothing to escape, and this is called several times for each event
    return "/".join((kind, *[_key_part(part) for part in parts]))


def _key_part(part: str) -> str:
    if len(part) > MAX_KEY_PART:
        return "%" + sha256(part.encode("utf-8", "surrogatepass")).hexdigest()
    if "%" in part or "/" in part:
        return part.replace("%", "%25").replace("/", "%2F")
    return part
