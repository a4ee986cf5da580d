"""A rule set whose rows remember every decision, with a number drawn at random: deciding twice cannot look the same."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

from tocsin.streams.engine.record import TICK, Output, Record, Refused, Rows

ALARM_AFTER = 5_000_000


class Diary:
    """`{"name", "id", "alarm": bool}` adds the id to the row's entries; an alarm adds an entry of its own later.

    Silences are entries of the row `silence`.
    """

    name = "diary"
    input_topic = "notes"
    changelog = "diary-changelog"
    row_version = 1
    per_scope = None

    def __init__(self, source: random.Random) -> None:
        self._random = source

    def decode(self, record: Record) -> Any:
        if record.value == b"tick":
            return TICK
        try:
            return json.loads(record.value or b"")
        except ValueError as error:
            raise Refused("not_json") from error

    def partition_key(self, event: Any) -> bytes | None:
        return None

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        name = event["name"]
        due = now + ALARM_AFTER if event.get("alarm") else rows.due(name)
        return self._enter(name, event["id"], rows, due)

    def fire(self, key: str, rows: Rows, now: int) -> Iterable[Output]:
        entries = rows.get(key) or []
        return self._enter(key, f"alarm {key} {len(entries)}", rows, None)

    def released(self, rows: Rows) -> None:
        """Nothing is kept of them between two events."""

    def resumed(self, rows: Rows, since: int, until: int) -> Iterable[Output]:
        return self._enter("silence", [since, until], rows, None)

    def _enter(self, name: str, what: object, rows: Rows, due: int | None) -> Iterable[Output]:
        entries = [*(rows.get(name) or []), [what, self._random.random()]]
        rows.put(name, entries, due)
        return [Output("told", name.encode(), json.dumps(entries[-1]).encode())]

    def counted(self, key: str, data: bytes, now: int) -> tuple[str, int] | None:
        """Nothing is counted."""
        return None

    def encode_row(self, row: Any) -> bytes:
        return json.dumps(row).encode()

    def decode_row(self, data: bytes, version: int) -> Any:
        return json.loads(data)

    def tick(self, partition: int, now: int) -> Output:
        return Output(self.input_topic, None, b"tick")
