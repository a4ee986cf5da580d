"""The same log folded again, without crashes: what every partition must have decided, to the byte.

A partition's rows and outputs are a pure function of its input records, their append times and the rules file. So for
every batch that lands in a changelog with a valid owner, the twin folds the same records with the engine's own Folder,
and rows, mark and outbox have to be the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.simulation.broken import Broken
from tests.simulation.simulated_kafka import Place
from tocsin.streams.engine.changelog import Replay, is_owner_record, row_key
from tocsin.streams.engine.fold import Folded, Folder, Limits
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.partition import PartitionWriter
from tocsin.streams.engine.record import Record, RuleSet
from tocsin.streams.engine.rows import RowStore, StoredRow

REFUSALS = frozenset(
    {"malformed", "truncated", "unknown_schema", "not_framed", "empty", "trailing_bytes", "wrong_magic"}
)
"""Why a record that is no event of ours may be buried; any other reason is a rule that failed."""


def _store(rules: RuleSet) -> RowStore:
    return RowStore(rules.encode_row, rules.decode_row, rules.row_version, rules.per_scope)


class Twin:
    """One partition of one agent. `singly` folds record by record, however the workers cut their batches."""

    def __init__(
        self, rules: RuleSet, place: Place, limits: Limits, home: Callable[[bytes], int | None], singly: bool
    ) -> None:
        self.name = f"{rules.name}/{place.number}"
        self.rules = rules
        self.rows = _store(rules)
        self.now = 0
        self.mark = -1
        self.void = self.records = 0
        self.outbox: list[OutboxRecord] = []
        self.place = place
        self._singly = singly
        self._replay = Replay(_store(rules))
        self._folder = Folder(rules, self.rows, place.number, limits, home)

    def owned_by(self, owner: bytes) -> bool:
        """Whether the changelog says so."""
        return self._replay.owner == owner

    def at_end(self) -> bool:
        """Whether everything that was accepted is decided."""
        return self.mark == self.place.end - 1

    def landed(self, records: Sequence[Record]) -> list[OutboxRecord] | None:
        """A batch landed in the changelog: what it decided, or None when it is void or decides nothing."""
        replay = self._replay
        void = replay.void_records
        for record in records:
            replay.read(record)
        if is_owner_record(records[0]):
            return None
        if replay.void_records > void:
            self.void += 1
            return None
        mark = -1 if replay.mark is None else replay.mark.offset
        if mark == self.mark:
            self._check_rows(records, set())
            if replay.outbox and replay.outbox != self.outbox:
                raise Broken(f"{self.name}: an outbox was rewritten")
            self.outbox = replay.outbox
            return None
        if mark < self.mark:
            raise Broken(f"{self.name}: the mark went back from {self.mark} to {mark}")
        decided, changed = self._fold(self.place.read(self.mark + 1, mark + 1))
        self.mark = mark
        if decided != replay.outbox:
            raise Broken(f"{self.name}: decided otherwise up to {mark}: {_difference(replay.outbox, decided)}")
        self._check_rows(records, changed)
        self.outbox = replay.outbox
        return decided

    def check_recovered(self, writer: PartitionWriter) -> None:
        """A worker recovered this partition: it has to stand exactly here."""
        state = writer.state
        if not self.owned_by(state.owner):
            return
        if (-1 if state.mark is None else state.mark.offset) != self.mark:
            raise Broken(f"{self.name}: recovered at another mark than {self.mark}")
        _compare(self.name, dict(state.rows.items()), dict(self.rows.items()))
        if state.outbox != self.outbox:
            raise Broken(f"{self.name}: recovered another outbox")
        if state.rows.timer_head() != self.earliest():
            raise Broken(f"{self.name}: a timer was lost at recovery")

    def earliest(self) -> int | None:
        """The first timer, read off the rows and not off the heap."""
        return min((row.due for _, row in self.rows.items() if row.due is not None), default=None)

    def _fold(self, records: list[Record]) -> tuple[list[OutboxRecord], set[str]]:
        decided: list[OutboxRecord] = []
        changed: set[str] = set()
        pieces = [[record] for record in records] if self._singly else [records]
        for piece in pieces:
            folded = self._folder.fold(piece, self.now)
            if folded.taken != len(piece):
                raise Broken(f"{self.name}: a batch holds more than fits")
            self._check_dead(folded)
            self.now = folded.now
            decided += folded.outputs
            changed.update(key for key, _ in self.rows.changed())
        self.records += len(records)
        return decided, changed

    def _check_dead(self, folded: Folded) -> None:
        wrong = folded.dead.keys() - REFUSALS
        if wrong:
            details = [value for output in folded.outputs for name, value in output.headers if name.endswith("message")]
            raise Broken(f"{self.name}: {sorted(wrong)}: {details}")

    def _check_rows(self, records: Sequence[Record], changed: set[str]) -> None:
        written = set()
        for record in records:
            key = row_key(record)
            if key is None:
                continue
            written.add(key)
            if record.value != self.rows.encoded(key):
                raise Broken(f"{self.name}: row {key!r} was written otherwise than decided")
        if changed - written:
            raise Broken(f"{self.name}: rows {sorted(changed - written)[:3]} were not written")


def _compare(name: str, found: dict[str, StoredRow], wanted: dict[str, StoredRow]) -> None:
    if found != wanted:
        keys = {key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)}
        first = min(keys)
        seen = f"{found.get(first)} instead of {wanted.get(first)}"
        raise Broken(f"{name}: the changelog does not give the rows in memory: {len(keys)}, as {first!r}: {seen:.600}")


def _difference(found: list[OutboxRecord], wanted: list[OutboxRecord]) -> str:
    for number, (one, other) in enumerate(zip(found, wanted, strict=False)):
        if one != other:
            return f"output {number}: {one!r:.400} instead of {other!r:.400}"
    return f"{len(found)} outputs instead of {len(wanted)}"
