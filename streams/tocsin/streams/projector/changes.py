"""What a batch of records changes in the store, in the order in which that must be done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]

ORDERED = {
    "case": "case", "resolved": "case", "severity": "case", "raised": "escalation", "escalation": "escalation",
    "silence": "silence", "silence_gone": "silence",
}  # fmt: skip
"""Statements that write the same columns are carried out in the order of their rows; all others have a lane each."""


FIRST = ("report", "told", "decision")
"""What these make of a problem stands before what is added to it, however the log is cut into batches."""


class Changes:
    """Rows for statements (projector/statements.py). What is counted is summed up first."""

    def __init__(self) -> None:
        self._lanes: dict[str, list[tuple[str, list[Row]]]] = {}
        self._counts: dict[tuple[str, str, int, str], int] = {}
        self._violations: dict[tuple[str, str, str, str, int], Row] = {}
        self._again: dict[tuple[str, str], tuple[int, int]] = {}

    def put(self, name: str, row: Row) -> None:
        """One row for the statement of this name."""
        runs = self._lanes.setdefault(ORDERED.get(name, name), [])
        if runs and runs[-1][0] == name:
            runs[-1][1].append(row)
        else:
            runs.append((name, [row]))

    def count(self, tenant: str, kind: str, hour: int, name: str) -> None:
        """One more of this name in this hour."""
        key = (tenant, kind, hour, name)
        self._counts[key] = self._counts.get(key, 0) + 1

    def again(self, tenant: str, case: str, at: int) -> None:
        """One more report of a case, of which nobody was told."""
        count, last = self._again.get((tenant, case), (0, 0))
        self._again[tenant, case] = count + 1, max(last, at)

    def violation(self, key: tuple[str, str, str, str, int], at: int, example: str, pointer: str) -> None:
        """Somebody broke a rule once more; the key is tenant, peer, rule, dialect, day."""
        known = self._violations.get(key)
        if known is None:
            names = ("tenant", "peer", "rule", "dialect", "day")
            self._violations[key] = dict(zip(names, key, strict=True)) | {
                "count": 1, "first_at": at, "last_at": at, "example": example, "pointer": pointer,
            }  # fmt: skip
            return
        known["count"] += 1
        known["first_at"] = min(known["first_at"], at)
        if (at, example) >= (known["last_at"], known["example"]):
            known |= {"last_at": at, "example": example, "pointer": pointer}

    def runs(self) -> Iterator[tuple[str, list[Row]]]:
        """Each statement with its rows."""
        for name in (*FIRST, *(name for name in self._lanes if name not in FIRST)):
            yield from self._lanes.get(name, ())
        if self._again:
            yield (
                "again",
                [
                    {"tenant": tenant, "id": case, "count": count, "at": at}
                    for (tenant, case), (count, at) in sorted(self._again.items())
                ],
            )
        if self._counts:
            names = ("tenant", "kind", "hour", "name")
            # by key: two writers lock the rows in one order
            yield (
                "count",
                [dict(zip(names, key, strict=True)) | {"count": self._counts[key]} for key in sorted(self._counts)],
            )
        if self._violations:
            yield "violation", [self._violations[key] for key in sorted(self._violations)]
