"""A Folder over the rows of Tally, and what it said."""

from __future__ import annotations

import json
from typing import Any

from tests.streams.engine.tally import Tally
from tocsin.streams.engine.dead import DeadLetterLimit
from tocsin.streams.engine.fold import Folded, Folder, Limits
from tocsin.streams.engine.record import TICK, Halt, Headers, NotYetReadable, Record
from tocsin.streams.engine.rows import RowStore

SECOND = 1_000_000


def as_bytes(value: Any) -> bytes | None:
    if value is TICK:
        return None
    return value if isinstance(value, bytes) else json.dumps(value).encode()


class Tallying:
    """A folder over Tally's rows; `home` is the partition where every key belongs (this one is 0)."""

    def __init__(
        self,
        rules: Tally | None = None,
        limits: Limits | None = None,
        home: int | None = 0,
        dead_letters: DeadLetterLimit | None = None,
    ) -> None:
        rules = rules or Tally()
        self.rows = RowStore(rules.encode_row, rules.decode_row, 1)
        self.folder = Folder(rules, self.rows, 0, limits or Limits(), lambda key: home, dead_letters)
        self.offset = 0

    def fold(self, *values: Any, headers: Headers = (), now: int = 0) -> Folded:
        records = []
        for value in values:
            stamps = (("tick", b"1"),) if value is TICK else headers
            records.append(Record("in", 0, self.offset, now or self.offset * SECOND, b"key", as_bytes(value), stamps))
            self.offset += 1
        return self.folder.fold(records, 0)


def sums(folded: Folded) -> list[tuple[str, int]]:
    said = [json.loads(output.value or b"") for output in folded.outputs if output.topic == "sums"]
    return [(one["name"], one["sum"]) for one in said if "sum" in one]


def reasons(folded: Folded) -> list[str]:
    return [
        (dict(output.headers)["tocsin.reason"] or b"").decode() for output in folded.outputs if output.topic == "dead"
    ]


class Newer(Tally):
    def decode(self, record: Record) -> Any:
        if record.value == b"newer":
            raise NotYetReadable("schema 1099")
        if record.value == b"halt":
            raise Halt("a person must look")
        return super().decode(record)
