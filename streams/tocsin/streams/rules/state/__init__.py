"""The rows of both agents: what is remembered between events, and their bytes in the changelog.

Rows are msgpack arrays that start with a tag. A new field is added at the end with a default and ROW_VERSION goes up
by one: an older row then still reads, and an older worker halts on a newer row instead of losing it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tocsin.schemas.errors import TocsinError
from tocsin.streams.engine.record import Halt
from tocsin.streams.engine.row_counts import PerScope
from tocsin.streams.rules.state.cases import CaseRow, CaseStatus, KeptCommand, ReminderRow, SeenRow, is_open
from tocsin.streams.rules.state.context import THREAD_CODES, WAITING, ConnectionRow, ReaderRow, ReferenceRow, ThreadRow
from tocsin.streams.rules.state.counted import is_open_case
from tocsin.streams.rules.state.deliveries import (
    DeliveryRow,
    DispatchRow,
    EndpointRow,
    FinishedRow,
    LaneRow,
    PeerEndpointRow,
    QueuedRow,
)
from tocsin.streams.rules.state.escalation import EscalationRow
from tocsin.streams.rules.state.keys import MAX_KEY_PART, row_key, scope_of
from tocsin.streams.rules.state.loops import (
    CONNECTION_CODES,
    DIGEST_CASES,
    CodeErrors,
    ConnectionErrorsRow,
    DigestCase,
    DigestRow,
    ErrorsRow,
    ReplayRow,
    ThreadErrorsRow,
    TriesRow,
)
from tocsin.streams.rules.state.routing import InhibitRow, InhibitSource, PeerRow
from tocsin.streams.rules.state.timeouts import ExpectationRow, GapsRow, LatencyRow

__all__ = [
    "CONNECTION_CODES",
    "DIGEST_CASES",
    "MAX_KEY_PART",
    "ROW_VERSION",
    "TENANT_ROWS",
    "THREAD_CODES",
    "WAITING",
    "CaseRow",
    "CaseStatus",
    "CodeErrors",
    "ConnectionErrorsRow",
    "ConnectionRow",
    "DeliveryRow",
    "DigestCase",
    "DigestRow",
    "DispatchRow",
    "EndpointRow",
    "ErrorsRow",
    "EscalationRow",
    "ExpectationRow",
    "FinishedRow",
    "GapsRow",
    "InhibitRow",
    "InhibitSource",
    "KeptCommand",
    "LaneRow",
    "LatencyRow",
    "PeerEndpointRow",
    "PeerRow",
    "QueuedRow",
    "ReaderRow",
    "ReferenceRow",
    "ReminderRow",
    "ReplayRow",
    "Row",
    "RowUnreadable",
    "SeenRow",
    "ThreadErrorsRow",
    "ThreadRow",
    "TriesRow",
    "decode_row",
    "encode_row",
    "row_key",
]

ROW_VERSION = 6
"""The format that `encode_row` writes."""


class RowUnreadable(TocsinError, Halt):
    """A row's bytes are of a newer format, or are no row: the partition halts, a row is never discarded because it
    cannot be read."""


Row = (
    SeenRow
    | ThreadRow
    | CaseRow
    | KeptCommand
    | ReferenceRow
    | ConnectionRow
    | ReaderRow
    | ReplayRow
    | DigestRow
    | ConnectionErrorsRow
    | ErrorsRow
    | ThreadErrorsRow
    | ExpectationRow
    | LatencyRow
    | GapsRow
    | InhibitRow
    | PeerRow
    | ReminderRow
    | EscalationRow
    | DeliveryRow
    | FinishedRow
    | LaneRow
    | DispatchRow
    | EndpointRow
    | PeerEndpointRow
    | QueuedRow
    | TriesRow
)
"""Any row."""

TENANT_ROWS = PerScope(
    scope_of,
    "case",
    lambda row: isinstance(row, CaseRow) and is_open(row.status),
    is_open_case,
)
"""What is counted of the rows of `decide`: those of each tenant, and its open cases: all that are not resolved."""

encode_row: Callable[[Row], bytes] = msgspec.msgpack.Encoder().encode
"""The bytes of a row, of format ROW_VERSION."""

_decoder: msgspec.msgpack.Decoder[Row] = msgspec.msgpack.Decoder(Row)


def decode_row(data: bytes, version: int) -> Row:
    """The row in `data`, written as format `version`; raises RowUnreadable."""
    if version > ROW_VERSION:
        raise RowUnreadable(f"row format {version} is newer than {ROW_VERSION}, which this worker knows")
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RowUnreadable(f"these {len(data)} bytes are no row: {error}") from error
