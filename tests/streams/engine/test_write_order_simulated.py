"""The write order under seeded faults: every input is decided once, and said at least once in the same bytes."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.harness.fuzzing import examples
from tests.streams.engine.broken_writers import ForgetsTheOutbox, LeavesShadows, ProvesNothing, SpeaksFirst
from tests.streams.engine.diary import ALARM_AFTER, Diary
from tests.streams.engine.simulated_log import COMPACTION_LAG, Faults, Killed, SimulatedBroker, SimulatedLog
from tocsin.streams.engine.changelog import Replay
from tocsin.streams.engine.fold import Limits
from tocsin.streams.engine.partition import Names, PartitionWriter, Superseded
from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.rows import RowStore

NAMES = Names("notes", "diary-changelog")
EVENTS = 60
SILENCE = Limits().silence
SEEDS = examples(100, 300)


class Broken(AssertionError):
    """The promise is not kept."""


class Simulation:
    """Two workers over one partition, a feeder, and at the end one worker alone that drains."""

    def __init__(self, seed: int, kind: type[PartitionWriter]) -> None:
        self.broker = SimulatedBroker(seed)
        self.kind = kind
        self.faults = Faults(kill=0.02, refuse=0.03, lose_answer=0.04, hide_offset=0.05, pause=0.03, late=0.04)
        self.owners = 0
        self.made_again = self.retention = False
        self.rules = Diary(random.Random(seed + 1))
        self.last: PartitionWriter | None = None
        self.fed: list[dict[str, object]] = []
        self.time = 1_000_000
        self.silences = 0

    def _failpoint(self, place: str) -> None:
        if self.broker.random.random() < self.faults.kill:
            raise Killed

    async def worker(self, stop: Callable[[], bool]) -> None:
        while not stop():
            with suppress(Killed, LogUnavailable, Superseded):
                await self._own(stop)
            # As in production, a setback is followed by a pause: else two owners supersede each other for ever.
            for _ in range(0 if stop() else self.broker.random.randint(1, 100)):
                self.broker.step()
                await asyncio.sleep(0)

    async def _own(self, stop: Callable[[], bool]) -> None:
        random_, log = self.broker.random, SimulatedLog(self.broker, self.faults)
        writer = self.kind(
            self.rules, NAMES, 0, log, random_.randbytes(16), limits=Limits(records=5), failpoint=self._failpoint
        )
        position = (await writer.take_over()).position
        self.last = writer
        self.owners += 1
        while not stop():
            verdict = await writer.check_mark()
            if verdict.standing not in ("same", "fresh"):
                raise LogUnavailable(verdict.standing)
            _, end = await log.bounds(NAMES.input, 0)
            batch = [record async for record in log.read(NAMES.input, 0, position, min(end, position + 7))]
            while batch:
                folded = writer.fold(batch)
                await writer.write(folded)
                position = batch[folded.taken - 1].offset + 1
                batch = batch[folded.taken :]
            if random_.random() < 0.2:
                await writer.watch_changelog()
        await writer.rest()

    async def feeder(self) -> None:
        random_ = self.broker.random
        upset = random_.choice(("nothing", "nothing", "made again", "retention"))
        for number in range(EVENTS):
            self.time += 1_000_000 if random_.random() < 0.95 else SILENCE + random_.randint(0, 2)
            event = {"name": random_.choice("abc"), "id": f"e{number}", "alarm": random_.random() < 0.2}
            self._feed(json.dumps(event).encode())
            self.fed.append(event)
            if random_.random() < 0.2:
                self._feed(b"tick")
            for _ in range(random_.randint(0, 60)):
                self.broker.step()
                await asyncio.sleep(0)
            if random_.random() < 0.1:
                self.broker.compact(NAMES.changelog)
            if number == EVENTS // 2:
                self._upset(upset)

    def _upset(self, how: str) -> None:
        if how == "made again":
            self.made_again = True
            self.broker.make_again(NAMES.input)
        elif how == "retention":
            self.retention = True
            place = self.broker.topics[NAMES.input]
            self.broker.forget_before(NAMES.input, place.end - self.broker.random.randint(0, 10))

    def _feed(self, value: bytes) -> None:
        # A topic that is made again goes on in time: its records are never those of the old one.
        self.broker.land(NAMES.input, [(None, value, ())], self.time)

    async def run(self) -> None:
        ended = False
        workers = [asyncio.create_task(self.worker(lambda: ended)) for _ in range(2)]
        await self.feeder()
        ended = True
        self.faults.stop()
        await asyncio.gather(*workers)
        while self.broker.on_its_way:
            self.broker.step()
        self.broker.land(NAMES.input, [(None, b"tick", ())], self.time + ALARM_AFTER)
        end = self.broker.topics[NAMES.input].end
        await self.worker(lambda: self._drained(end))
        self._check()
        self.broker.steps += COMPACTION_LAG + 1
        self.broker.compact(NAMES.changelog)
        self._check()

    def _drained(self, end: int) -> bool:
        mark = self.last.state.mark if self.last else None
        return mark is not None and mark.offset == end - 1

    # the oracle

    def _check(self) -> None:
        assert self.last is not None
        rows = self._recovered()
        if rows != {key: stored.payload for key, stored in self.last.state.rows.items()}:
            raise Broken("the changelog does not give the rows in memory")
        entries = {key: json.loads(payload) for key, payload in rows.items()}
        self._check_inputs(entries)
        self._check_silences([what for what, _ in entries.get("silence", [])])
        self._check_outputs(entries)

    def _recovered(self) -> dict[str, bytes]:
        replay = Replay(RowStore(self.rules.encode_row, self.rules.decode_row, 1))
        for record in self.broker.values(NAMES.changelog):
            replay.read(record)
        return {key: stored.payload for key, stored in replay.rows.items()}

    def _check_inputs(self, entries: dict[str, list[list[object]]]) -> None:
        missing = 0
        for name in "abc":
            wanted = [event["id"] for event in self.fed if event["name"] == name]
            folded = [what for what, _ in entries.get(name, []) if not str(what).startswith("alarm")]
            if len(set(folded)) != len(folded) or folded != [one for one in wanted if one in folded]:
                raise Broken(f"{name}: folded {folded} of {wanted}")
            lost = set(wanted) - set(folded)
            missing += len(lost)
            if self.made_again and any(int(str(one)[1:]) > EVENTS // 2 for one in lost):
                raise Broken(f"{name}: lost {lost} of the new topic")
            self._check_alarms(name, entries.get(name, []))
        if missing and not (self.made_again or self.retention):
            raise Broken(f"{missing} events are lost")
        if missing and not self._reported():
            raise Broken(f"{missing} events are lost without a word")

    def _check_alarms(self, name: str, entries: list[list[object]]) -> None:
        armed = {event["id"] for event in self.fed if event["alarm"]}
        kinds = "".join("A" if str(what).startswith("alarm") else "s" if what in armed else "." for what, _ in entries)
        if "AA" in kinds.replace(".", "") or kinds.replace(".", "").startswith("A") or kinds.rstrip(".").endswith("s"):
            raise Broken(f"{name}: alarms {kinds}")

    def _check_silences(self, found: list[object]) -> None:
        """Every silence of the input while an alarm was pending, once; worked out again from the input as it lies."""
        wanted: list[object] = []
        now, pending = 0, dict[str, int]()
        for record in self.broker.values(NAMES.input):
            if pending and record.timestamp - now > SILENCE:
                wanted.append([now, record.timestamp])
            now = record.timestamp
            event = {} if record.value == b"tick" else json.loads(record.value or b"")
            if not event:
                pending = {name: due for name, due in pending.items() if due > now}
            elif event["alarm"]:
                pending[event["name"]] = now + ALARM_AFTER
        if found != wanted and not (self.made_again or self.retention):
            raise Broken(f"silences {found} of {wanted}")
        self.silences += len(found)

    def _reported(self) -> bool:
        reasons = [dict(record.headers)["tocsin.reason"] or b"" for record in self.broker.values("dead")]
        return any(reason.startswith(b"input_") for reason in reasons)

    def _check_outputs(self, entries: dict[str, list[list[object]]]) -> None:
        said: dict[str, dict[bytes, None]] = defaultdict(dict)
        forms: dict[tuple[str, bytes], set[tuple[object, ...]]] = defaultdict(set)
        for record in self.broker.values("told"):
            name, value = (record.key or b"").decode(), record.value or b""
            said[name].setdefault(value)
            forms[name, value].add((record.timestamp, record.headers))
        decided = {name: [json.dumps(entry).encode() for entry in listed] for name, listed in entries.items()}
        for name in {*said, *decided}:
            if list(said[name]) != decided.get(name, []):
                raise Broken(f"{name}: said {list(said[name])}, decided {decided.get(name)}")
        if any(len(found) > 1 for found in forms.values()):
            raise Broken("a repeat has another form")


async def simulate(seed: int, kind: type[PartitionWriter] = PartitionWriter) -> Simulation:
    simulation = Simulation(seed, kind)
    try:
        await simulation.run()
    except Broken as broken:
        raise Broken(f"seed {seed}: {broken}") from None
    return simulation


@pytest.mark.timeout(600)
async def test_every_seed_keeps_the_promise() -> None:
    repeats = owners = steps = silences = 0
    for seed in range(SEEDS):
        simulation = await simulate(seed)
        told = [record.value for record in simulation.broker.values("told")]
        repeats += len(told) - len(set(told))
        owners += simulation.owners
        steps += simulation.broker.steps
        silences += simulation.silences
    assert repeats > SEEDS, "the faults are too mild to prove anything"
    assert owners > 5 * SEEDS
    assert silences > SEEDS
    print(f"{SEEDS} seeds, {steps} steps, {owners} take-overs, {repeats} repeats")


async def test_a_seed_replays_exactly() -> None:
    first, second = await simulate(7), await simulate(7)
    assert first.broker.steps == second.broker.steps
    assert first.broker.values(NAMES.changelog) == second.broker.values(NAMES.changelog)
    assert first.broker.values("told") == second.broker.values("told")


@pytest.mark.parametrize("kind", [SpeaksFirst, ProvesNothing, ForgetsTheOutbox, LeavesShadows])
async def test_the_simulation_catches_a_planted_bug(kind: type[PartitionWriter]) -> None:
    async def all_seeds() -> None:
        for seed in range(SEEDS):
            await simulate(seed, kind)

    with pytest.raises(Broken):
        await all_seeds()
