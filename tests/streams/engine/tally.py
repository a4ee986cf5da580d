"""A second, tiny rule set: it adds numbers up by name. It proves that the engine knows nothing of problems."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tocsin.streams.engine.record import TICK, Output, Record, Refused, Rows


class Tally:
    """`{"name", "add", "id"}` adds; `{"name", "alarm": micros}` sets a timer; `{"raise": true}` is a rule's bug."""

    name = "tally"
    input_topic = "numbers"
    changelog = "tally-changelog"
    row_version = 1
    per_scope = None

    def decode(self, record: Record) -> Any:
        if ("tick", b"1") in record.headers:
            return TICK
        try:
            return json.loads(record.value or b"")
        except ValueError as error:
            raise Refused("not_json", str(error)) from error

    def partition_key(self, event: Any) -> bytes | None:
        return str(event["name"]).encode() if "home" in event else None

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        name = event["name"]
        row = rows.get(name) or {"sum": 0, "last": ""}
        rows.put(name, {"sum": row["sum"] + event.get("add", 0), "last": event.get("id", "")}, due=event.get("alarm"))
        if event.get("raise"):
            raise RuntimeError("a bug in a rule")
        if "forget" in event:
            rows.delete(name)
        said = {"name": name, "sum": row["sum"] + event.get("add", 0), "id": event.get("id"), "was": row["last"]}
        return [Output("sums", name.encode(), json.dumps(said).encode() + b" " * event.get("pad", 0))]

    def fire(self, key: str, rows: Rows, now: int) -> Iterable[Output]:
        row = rows.get(key)
        if row is not None and row["last"] == "broken":
            raise RuntimeError("a bug in a timer")
        rows.put(key, row)
        return [Output("sums", key.encode(), json.dumps({"name": key, "alarm": now}).encode())]

    def resumed(self, rows: Rows, since: int, until: int) -> Iterable[Output]:
        if rows.get("broken when resumed") is not None:
            rows.put("trace", {"sum": 1, "last": ""})
            raise RuntimeError("a bug in a rule about silence")
        return [Output("sums", b"silence", json.dumps({"since": since, "until": until}).encode())]

    def released(self, rows: Rows) -> None:
        """Nothing is kept."""

    def counted(self, key: str, data: bytes, now: int) -> tuple[str, int] | None:
        """Nothing is counted."""
        return None

    def encode_row(self, row: Any) -> bytes:
        return json.dumps(row).encode()

    def decode_row(self, data: bytes, version: int) -> Any:
        return json.loads(data)

    def tick(self, partition: int, now: int) -> Output:
        return Output(self.input_topic, None, None, (("tick", b"1"),))
