"""A record that was read, with what the projector knows of the rows that it may change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tocsin.connectors.redaction import Redaction
from tocsin.connectors.store.text import storable
from tocsin.schemas.events import Event
from tocsin.streams.projector.changes import Changes

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """One record: `topic` is without prefix, `timestamp` Kafka's, in milliseconds; `event` is None when it has none
    (`dead`, tombstones), or cannot be read: then `reason` and `detail` say why."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Headers = ()
    event: Event | None = None
    reason: str = ""
    detail: str = ""

    @property
    def place(self) -> tuple[str, int]:
        """Its topic and partition."""
        return self.topic, self.partition


@dataclass(slots=True)
class Known:
    """Of the problems that a batch is about: how each is known (`known_by`), and whether it was decided. Kept up while
    the batch is gone through."""

    reported: dict[tuple[str, str], int] = field(default_factory=dict)
    decided: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True)
class Turn:
    """What a record's rows are made with."""

    changes: Changes
    known: Known
    redaction_of: Callable[[str], Redaction]


def text(value: str | None) -> str | None:
    """As both databases take it."""
    return None if value is None else storable(value)


def clean(row: dict[str, Any]) -> dict[str, Any]:
    """The row itself, each text of which both databases take by now."""
    for name, value in row.items():
        if type(value) is str and ("\0" in value or not value.isascii()):
            row[name] = storable(value)
    return row
