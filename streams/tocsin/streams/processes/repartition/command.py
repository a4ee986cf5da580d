"""`tocsin topics repartition`: the order of the steps. What is not whole says so in the topic FILLING, and no process
of the bus starts on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import asdict
from time import time
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from tocsin.connectors.kafka import Kafka, offsets_since, open_consumer, open_producer, partitions_of
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.agents.deliver import DeliverAgent
from tocsin.streams.engine.failpoints import failpoint_from
from tocsin.streams.engine.mark import Mark
from tocsin.streams.engine.record import Record
from tocsin.streams.processes.exit_codes import BAD_INPUT, CommandFailed
from tocsin.streams.processes.repartition.copying import Copied, Part, TopicCopy, check_copy
from tocsin.streams.processes.repartition.filling import Disturbed, Filling, filling_producer
from tocsin.streams.processes.repartition.placing import GoingOn, begins
from tocsin.streams.processes.repartition.report import Report, Survey, TopicReport, Wanted
from tocsin.streams.processes.repartition.rows import AnAgent, RowMover, boundary, opened_mover
from tocsin.streams.processes.repartition.survey import (
    Committed,
    Stretch,
    check_topics,
    figures,
    groups_of,
    members_of,
    refuse_members,
    stretches,
)
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.topics import FILLING, WHOLE, filling_of, make_filling, make_to_fill, open_for_use
from tocsin.streams.topology import TOPICS, topic_name

COPIED = tuple(spec.name for spec in TOPICS if not spec.name.endswith("-changelog"))
AGED = ("inbox", "problems", "escalations", "answers", "deliveries", "attempts")
"""Topics of which an old part may be left behind."""

Bar = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Shows how far a step has come, of so many."""


class Repartition:
    """One run, by an open admin client. `bar` shows how far each step has come."""

    def __init__(self, wanted: Wanted, bootstrap: Kafka, admin: AIOKafkaAdminClient, bar: Bar) -> None:
        self._wanted, self._bootstrap, self._admin, self._bar = wanted, bootstrap, admin, bar
        self._old, self._new = wanted.prefixes
        self._passed = failpoint_from(os.environ.get("TOCSIN_FAILPOINT"))
        self._movers: dict[str, RowMover] = {}
        self._marks: dict[str, dict[int, Mark]] = {}
        self._readers: dict[str, dict[str, GoingOn]] = {}
        self._copied: list[Copied] = []

    async def survey(self) -> Survey:
        """What there is, and nothing is changed. Raises CommandFailed when it can never be copied."""
        counts = await check_topics(self._admin, self._old)
        groups = await groups_of(self._admin, self._old)
        alive = await members_of(self._admin, self._old, groups)
        held = await stretches(self._bootstrap, self._old, counts)
        return Survey(await figures(self._bootstrap, self._old, held, self._wanted.counts()), groups, alive)

    async def done_before(self) -> Report | None:
        """The report of a run that came to its end. Raises CommandFailed(65) for topics that are not of this run."""
        found = set(await self._admin.list_topics())
        ours = [name for spec in TOPICS if (name := topic_name(self._new, spec.name)) in found]
        if self._new + FILLING not in found:
            if ours:
                raise CommandFailed(BAD_INPUT, f"{', '.join(ours)}: there are such topics already; take another --to")
            return None
        filling = await filling_of(self._bootstrap, self._new)
        if filling and (filling["source"], filling["partitions"]) != (self._old, self._wanted.new.partitions):
            raise CommandFailed(
                BAD_INPUT,
                f"{self._new} was begun with {filling['partitions']} partitions of {filling['source']}; "
                "take another --to",
            )
        return msgspec.convert(filling["report"], Report) if filling.get("state") == WHOLE else None

    async def run(self) -> Report:
        """All of it. Raises CommandFailed(1) while the bus runs; and Disturbed, LogUnavailable, KafkaError, Halt: then
        it is to be run again."""
        groups = await groups_of(self._admin, self._old)
        refuse_members(await members_of(self._admin, self._old, groups))
        await self._begin()
        self._passed("new_topics_made")
        async with AsyncExitStack() as opened:
            await self._move_rows(opened)
            self._passed("rows_moved")
            held = await stretches(self._bootstrap, self._old, [spec.name for spec in TOPICS])
            producer = filling_producer(self._bootstrap)
            opened.push_async_callback(producer.close)
            for topic in COPIED:
                filling = Filling(producer, topic_name(self._new, topic), self._wanted.counts()[topic])
                await self._copy(topic, filling, held[topic], groups)
                self._passed("topic_copied")
            await self._check(held, groups)
        self._passed("copy_checked")
        await open_for_use(self._admin, self._wanted.new)
        await self._commit()
        self._passed("new_topics_opened")
        report = self._report()
        await self._write(WHOLE, report=asdict(report))
        return report

    async def _begin(self) -> None:
        """New topics, empty: whatever an earlier run has left goes."""
        await make_filling(self._admin, self._wanted.new)
        await self._write("filling")
        names = [topic_name(self._new, spec.name) for spec in TOPICS]
        found = set(await self._admin.list_topics())
        if left := [name for name in names if name in found]:
            await self._admin.delete_topics(left)
            while not found.isdisjoint(names):
                found = set(await self._admin.list_topics())
        await make_to_fill(self._admin, self._wanted.new)

    async def _move_rows(self, opened: AsyncExitStack) -> None:
        counts = await check_topics(self._admin, self._old)
        for agent in _agents(self._old):
            mover = await opened_mover(
                opened, agent, self._bootstrap, self._wanted.prefixes, self._wanted.new.partitions
            )
            with self._bar(f"rows of {agent.name}", None) as on_moved:
                await mover.move(counts[agent.input_topic], on_moved)
            self._movers[agent.input_topic] = mover

    async def _copy(self, topic: str, filling: Filling, held: Mapping[int, Stretch], groups: Committed) -> None:
        mover = self._movers.get(topic)
        read = {group: topics[topic] for group, topics in groups.items() if topic in topics}
        decided = {number: stretch.end for number, stretch in held.items()}
        if mover is not None:
            decided = mover.moved.positions
        elif topic == "attempts":
            committed = read.get(f"{self._old}dispatch", {})
            decided = {number: committed.get(number, stretch.first) for number, stretch in held.items()}
        firsts = {number: stretch.first for number, stretch in held.items()}
        wanted = await self._history(topic)
        part = Part(begins(firsts, wanted, [decided, *read.values()]), decided, held)
        self._readers[topic] = {group: GoingOn(at) for group, at in read.items()}
        total = sum(stretch.end - part.first[number] for number, stretch in held.items())
        with self._bar(topic, total) as on_read:
            copying = TopicCopy(
                topic,
                self._wanted.prefixes,
                filling,
                self._readers[topic],
                self._boundary(mover),
                self._counted(on_read),
            )
            self._copied.append(await copying.copy(self._bootstrap, part))
        if mover is not None:
            self._marks[topic] = {new: Mark.of(record) for new, record in copying.boundaries.items()}
            await mover.stand(self._marks[topic])

    def _counted(self, on_read: Callable[[int], None]) -> Callable[[int], None]:
        def counted(count: int) -> None:
            on_read(count)
            self._passed("topic_half_copied")

        return counted

    async def _history(self, topic: str) -> dict[int, int]:
        """From which offset on history is wanted; empty: all of it."""
        if self._wanted.since is None or topic not in AGED:
            return {}
        async with open_consumer(self._bootstrap) as consumer:
            places = await partitions_of(consumer, topic_name(self._old, topic))
            found = await offsets_since(consumer, places, self._wanted.since // 1000)
        return {place.partition: offset for place, offset in found.items()}

    def _boundary(self, mover: RowMover | None) -> Callable[[int], Record | None]:
        if mover is None:
            return lambda new: None
        agent, nows = mover.agent, mover.moved.nows
        return lambda new: boundary(agent, new, nows[new]) if nows[new] else None

    async def _check(self, held: Mapping[str, Mapping[int, Stretch]], groups: Committed) -> None:
        """Everything is where it should be, and nobody wrote into the old topics meanwhile."""
        for copied in self._copied:
            with self._bar(f"checking {copied.topic}", sum(copied.ends)) as on_read:
                await check_copy(self._bootstrap, self._new, copied, on_read)
        for topic, mover in self._movers.items():
            await mover.check(self._marks[topic])
        refuse_members(await members_of(self._admin, self._old, groups))
        now = await stretches(self._bootstrap, self._old, held)
        moved = [
            f"{self._old}{topic}/{number}"
            for topic, of_topic in held.items()
            for number, stretch in of_topic.items()
            if now[topic][number].end != stretch.end
        ]
        if moved:
            raise Disturbed(
                f"meanwhile something was written into {', '.join(moved)}: stop gateways, publishers and whatever else "
                "uses this bus, and run it again. Nothing was changed there"
            )

    async def _commit(self) -> None:
        """Consumer groups go on where they were; those of the bus under its new prefix."""
        ends = {copied.topic: copied.ends for copied in self._copied}
        for topic, readers in self._readers.items():
            for group, reader in readers.items():
                name = topic_name(self._new, topic)
                offsets = {TopicPartition(name, at): offset for at, offset in reader.offsets(ends[topic]).items()}
                async with open_consumer(self._bootstrap, group_id=self._renamed(group)) as consumer:
                    consumer.assign(list(offsets))
                    await consumer.commit({place: OffsetAndMetadata(offset, "") for place, offset in offsets.items()})

    def _renamed(self, group: str) -> str:
        ours = (f"{self._old}worker", f"{self._old}dispatch")
        return self._new + group.removeprefix(self._old) if group in ours else group

    def _report(self) -> Report:
        report = Report(self._old, self._new, self._wanted.new.partitions)
        report.topics = [
            TopicReport(one.topic, len(one.ends), one.kept.records, one.kept.size, one.undecided)
            for one in self._copied
        ]
        for mover in self._movers.values():
            report.rows[mover.agent.name] = mover.moved.rows
            report.timers[mover.agent.name] = mover.moved.timers
        report.groups = sorted({self._renamed(group) for readers in self._readers.values() for group in readers})
        return report

    async def _write(self, state: str, **more: Any) -> None:
        said = {"state": state, "source": self._old, "partitions": self._wanted.new.partitions, "at": time()} | more
        async with open_producer(self._bootstrap) as producer:
            await producer.send_and_wait(self._new + FILLING, msgspec.json.encode(said), partition=0)


def _agents(prefix: str) -> Iterator[AnAgent]:
    """The agents, to read and write their rows; nothing is decided."""
    book = SchemaBook()
    yield DecideAgent(_undecided, prefix, book)
    yield DeliverAgent(_undelivered, prefix, book)


def _undecided() -> DecideConfig:
    raise AssertionError("nothing is decided here")


def _undelivered() -> DeliverConfig:
    raise AssertionError("nothing is decided here")
