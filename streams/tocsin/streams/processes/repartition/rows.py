"""The rows of an agent: taken over from the old changelog as a worker does it, and written where their keys belong."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.agents.deliver import DeliverAgent
from tocsin.streams.engine.changelog import Entry, Replay, owner_entry, row_entry, stand_entries
from tocsin.streams.engine.kafka_log import KafkaLog
from tocsin.streams.engine.mark import Mark
from tocsin.streams.engine.partition import Names, PartitionWriter
from tocsin.streams.engine.record import Record
from tocsin.streams.engine.rows import RowStore, StoredRow
from tocsin.streams.processes.repartition.filling import Disturbed
from tocsin.streams.processes.repartition.placing import row_place, together
from tocsin.streams.processes.repartition.tally import Tally

AnAgent = DecideAgent | DeliverAgent

ROWS_AT_ONCE, BYTES_AT_ONCE = 1000, 1_000_000
"""Rows of one record batch, at most."""


@dataclass(slots=True)
class Moved:
    """What became of the rows of one agent."""

    positions: dict[int, int] = field(default_factory=dict)
    """Old partition -> the first record of the input that is not decided."""
    nows: list[int] = field(default_factory=list)
    """For each new partition how far time has come there (microseconds); 0: nothing was ever decided."""
    tallies: list[Tally] = field(default_factory=list)
    timers: int = 0

    @property
    def rows(self) -> int:
        """How many there are in all."""
        return sum(tally.records for tally in self.tallies)


class RowMover:
    """Moves the rows of one agent. `old` and `new` are logs of the two buses, both started."""

    def __init__(self, agent: AnAgent, old: KafkaLog, new: KafkaLog, prefixes: tuple[str, str], count: int) -> None:
        self.agent, self._old, self._new = agent, old, new
        self._names = Names(prefixes[0] + agent.input_topic, prefixes[0] + agent.changelog)
        self._changelog, self._input = prefixes[1] + agent.changelog, prefixes[1] + agent.input_topic
        self._count = count
        self._owner = uuid.uuid4().bytes
        self._whole: defaultdict[str, dict[int, StoredRow]] = defaultdict(dict)
        self._waiting: list[list[Entry]] = [[] for _ in range(count)]
        self._sizes = [0] * count
        self._from: list[set[int]] = [set() for _ in range(count)]
        self.moved = Moved(tallies=[Tally() for _ in range(count)])

    async def move(self, old_count: int, on_moved: Callable[[int], None]) -> Moved:
        """All rows, partition after partition. `on_moved` is told how many rows of one were moved. Raises what a
        take-over raises, and RowNotPlaced."""
        for new in range(self._count):
            await self._new.append(self._changelog, new, self._owner, [owner_entry(self._owner)])
        nows: dict[int, int] = {}
        for old in range(old_count):
            writer = PartitionWriter(self.agent, self._names, old, self._old, uuid.uuid4().bytes)
            verdict = await writer.take_over()
            await writer.rest()
            self.moved.positions[old], nows[old] = verdict.position, writer.state.now
            await self._take(old, old_count, writer.state.rows)
            on_moved(len(writer.state.rows))
        await self._put_together()
        for new in range(self._count):
            await self._flush(new)
        latest = max(nows.values(), default=0)
        self.moved.nows = [max((nows[old] for old in olds), default=0) or latest for olds in self._from]
        return self.moved

    async def _take(self, old: int, old_count: int, rows: RowStore) -> None:
        for key, row in rows.items():
            if row.deleted:
                continue  # kept until no reader of the changelog can miss it: the new one has never held it
            new = row_place(key, old, old_count, self._count)
            if new is None:
                self._whole[key][old] = row
            else:
                self._from[new].add(old)
                await self._put(new, key, row)

    async def _put_together(self) -> None:
        for key, by_partition in self._whole.items():
            for new in range(self._count):
                if rows := [by_partition[old] for old in sorted(self._from[new]) if old in by_partition]:
                    await self._put(new, key, together(rows))

    async def _put(self, new: int, key: str, row: StoredRow) -> None:
        entry = row_entry(key, row.encode())
        self.moved.tallies[new].add(entry.key, entry.value)
        self.moved.timers += row.due is not None
        size = len(entry.key) + len(entry.value or b"") + 64
        if len(self._waiting[new]) == ROWS_AT_ONCE or self._sizes[new] + size > BYTES_AT_ONCE:
            await self._flush(new)
        self._waiting[new].append(entry)
        self._sizes[new] += size

    async def _flush(self, new: int) -> None:
        if self._waiting[new]:
            await self._new.append(self._changelog, new, self._owner, self._waiting[new])
        self._waiting[new], self._sizes[new] = [], 0

    async def stand(self, marks: Mapping[int, Mark]) -> None:
        """Write down where each new partition stands in its input, and that nothing is left to be produced."""
        for new in range(self._count):
            await self._new.append(self._changelog, new, self._owner, stand_entries(marks.get(new), []))

    async def check(self, marks: Mapping[int, Mark]) -> None:
        """Read everything back as a worker will. Raises Disturbed that says what is not as it was written."""
        for new in range(self._count):
            replay = Replay(RowStore(self.agent.encode_row, self.agent.decode_row, self.agent.row_version))
            first, end = await self._new.bounds(self._changelog, new)
            async for record in self._new.read(self._changelog, new, first, end):
                replay.read(record)
            replay.rows.start()
            found = Tally()
            for key, row in replay.rows.items():
                entry = row_entry(key, row.encode())
                found.add(entry.key, entry.value)
                if row_place(key, new, self._count, self._count) not in (None, new):
                    raise Disturbed(f"{self._changelog}/{new}: row {key!r} belongs elsewhere")
            if (why := self.moved.tallies[new].differs(found)) is not None:
                raise Disturbed(f"{self._changelog}/{new}: {why}")
            if replay.owner != self._owner or replay.void_records or replay.outbox:
                raise Disturbed(f"somebody else writes into {self._changelog}/{new}")
            await self._check_mark(new, replay.mark, marks.get(new))

    async def _check_mark(self, new: int, found: Mark | None, wanted: Mark | None) -> None:
        at = None if found is None else await self._new.record_at(self._input, new, found.offset)
        if found != wanted or (found is not None and (at is None or Mark.of(at) != found)):
            raise Disturbed(f"{self._changelog}/{new}: it does not stand where it should in {self._input}")


def boundary(agent: AnAgent, new: int, now: int) -> Record:
    """The last record of a new partition that counts as decided: a tick of the time to which the old ones had come."""
    tick = agent.tick(new, now)
    return Record(agent.input_topic, new, -1, now, tick.key, tick.value, tick.headers)


async def opened_mover(
    opened: AsyncExitStack, agent: AnAgent, bootstrap: str, prefixes: tuple[str, str], count: int
) -> RowMover:
    """A mover whose logs are open as long as `opened` is. Raises KafkaError."""
    logs = [KafkaLog(bootstrap, prefix=prefix, input_topic=prefix + agent.input_topic) for prefix in prefixes]
    for log in logs:
        await log.start()
        opened.push_async_callback(log.stop)
    return RowMover(agent, logs[0], logs[1], prefixes, count)
