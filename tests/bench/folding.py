"""The folds of one source tree, without Kafka: `tests.bench.fold` runs it for this tree and for one to compare with.

Prints one JSON line. `--counted` counts what the interpreter executes in place of measuring CPU time: exact, and the
same on a machine that has other work. It asks a tree for nothing that was not there at c6dbd6f.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from tests.bench import full_traffic, plain_traffic
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import DeliveryOutcome, Outcome
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.agents.deliver import DeliverAgent
from tocsin.streams.engine.changelog import Replay, batch_entries
from tocsin.streams.engine.fold import Folder, Limits
from tocsin.streams.engine.record import Record
from tocsin.streams.engine.rows import RowStore
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rulesfile import load_rulebook

BATCH = 500
"""Events of one batch: what a partition folds at once when there is a backlog."""
STEP = 1_000
"""Microseconds of Kafka's time between two events."""
OWNER = b"an owner's bytes"
HEADERS = (("tocsin-redacted", b"1"),)
"""As our publisher writes it: nothing of such a record is searched for secrets."""

Measured = dict[str, Any]
Meter = Callable[[Callable[[], None], int], None]
"""Runs something that takes so many events, and measures it."""


class Clock:
    """CPU microseconds an event, of each batch."""

    def __init__(self) -> None:
        self.chunks: list[float] = []

    def __call__(self, run: Callable[[], None], events: int) -> None:
        started = time.process_time_ns()
        run()
        self.chunks.append((time.process_time_ns() - started) / 1000 / events)

    def figures(self) -> Measured:
        return {"cpu_us": self.chunks}


class Count:
    """Bytecodes, and calls of Python and C functions, an event; of each function too."""

    def __init__(self) -> None:
        self.events = self.calls = 0
        self.of: Counter[Any] = Counter()

    def __call__(self, run: Callable[[], None], events: int) -> None:
        self.events += events
        with self.traced():
            run()

    @contextmanager
    def traced(self) -> Iterator[None]:
        """Count while the block runs."""
        of = self.of

        def in_frame(frame: FrameType, event: str, arg: object) -> Any:
            if event == "opcode":
                of[frame.f_code] += 1
            return in_frame

        def called(frame: FrameType, event: str, arg: object) -> Any:
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
            return in_frame

        def profiled(frame: FrameType, event: str, arg: object) -> None:
            self.calls += event in ("call", "c_call")

        sys.setprofile(profiled)
        sys.settrace(called)
        try:
            yield
        finally:
            sys.settrace(None)
            sys.setprofile(None)

    def figures(self) -> Measured:
        functions: Counter[str] = Counter()
        for code, count in self.of.items():
            _, _, module = code.co_filename.rpartition("/tocsin/")
            functions[f"{module or Path(code.co_filename).name}:{code.co_qualname}"] += count
        return {
            "bytecodes": sum(functions.values()) / self.events,
            "calls": self.calls / self.events,
            "functions": {name: count / self.events for name, count in functions.most_common()},
        }


class Partition:
    """One partition of an agent in memory: what it folds is what it would write."""

    def __init__(self, agent: Any, topic: str) -> None:
        self.topic = topic
        per_scope = (agent.per_scope,) if hasattr(agent, "per_scope") else ()
        self.rows = RowStore(agent.encode_row, agent.decode_row, agent.row_version, *per_scope)
        self.folder = Folder(agent, self.rows, 0, Limits(records=BATCH, batch_bytes=1 << 30), lambda key: 0)
        self.offset, self.now = 0, plain_traffic.START
        self.outputs: list[Any] = []
        self.digest = sha256()

    def take(self, events: list[tuple[bytes, bytes]], meter: Meter) -> None:
        """Fold these (key, value) in batches, each measured together with the entries that it writes."""
        for first in range(0, len(events), BATCH):
            records = [self._record(*event) for event in events[first : first + BATCH]]
            written: list[Any] = []

            def run(records: list[Record] = records, written: list[Any] = written) -> None:
                folded = self.folder.fold(records, self.now)
                written += [folded, batch_entries(self.rows, (), folded.mark, folded.outputs)]

            meter(run, len(records))
            folded, entries = written
            assert folded.taken == len(records)
            self.now = folded.now
            self.outputs += folded.outputs
            for entry in entries:
                self.digest.update(repr((entry.key, entry.value)).encode())

    def _record(self, key: bytes, value: bytes) -> Record:
        self.offset += 1
        at = plain_traffic.START + self.offset * STEP
        return Record(self.topic, 0, self.offset, at, key, value, HEADERS)

    def said(self, topic: str) -> list[tuple[bytes, bytes]]:
        """What it has for a topic."""
        return [(output.key, output.value) for output in self.outputs if output.topic == topic]


def plain(events: int, meter: Meter) -> Partition:
    """`decide` without a rules file."""
    config = DecideConfig(book=_named("default_rulebook", "config", "rulebook")())
    partition = Partition(DecideAgent(lambda: config, "", SchemaBook()), "inbox")
    reports = [(plain_traffic.tenant_of(one).encode(), plain_traffic.report(one)) for one in range(events)]
    _warm_then(partition, reports, meter)
    return partition


def full(events: int, meter: Meter) -> Partition:
    """`decide` with all of its rules."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rules.yaml"
        path.write_text(full_traffic.RULES)
        config = DecideConfig(book=load_rulebook(path))
    partition = Partition(DecideAgent(lambda: config, "", SchemaBook()), "inbox")
    story = [(full_traffic.tenant_of(one).encode(), full_traffic.event(one)) for one in range(events)]
    _warm_then(partition, story, meter)
    return partition


def deliver(events: int, meter: Meter) -> Partition:
    """`deliver` on requests and their outcomes, all delivered: half of the events are either."""
    asked = plain(events // 2, _unmeasured).said("deliveries")
    config = _named("DeliverConfig", "delivery.schedule", "delivery.deliver_config")()
    partition = Partition(DeliverAgent(lambda: config, "", SchemaBook()), "deliveries")
    for first in range(0, len(asked), BATCH):
        meter_now = meter if first else _unmeasured
        partition.outputs.clear()
        partition.take(asked[first : first + BATCH], meter_now)
        partition.take([(key, _delivered(value)) for key, value in partition.said("attempts")], meter_now)
    return partition


def recovery(events: int, meter: Meter) -> Partition:
    """The rows of cases and threads of so many reports, read back from the changelog; an event is a row."""
    filled = plain(events // 2, _unmeasured)
    kept = [(key, row.encode()) for key, row in filled.rows.items() if key.startswith(("case/", "thread/"))]
    records = [
        Record("decide-changelog", 0, number, plain_traffic.START, b"r" + key.encode(), value, (("o", OWNER),))
        for number, (key, value) in enumerate(kept)
    ]
    config = DecideConfig(book=_named("default_rulebook", "config", "rulebook")())
    for _ in range(4):
        partition = Partition(DecideAgent(lambda: config, "", SchemaBook()), "inbox")
        replay = Replay(partition.rows)
        replay.read(Record("decide-changelog", 0, 0, plain_traffic.START, b"w", OWNER, (("o", OWNER),)))

        def run(replay: Any = replay, rows: Any = partition.rows) -> None:
            for record in records:
                replay.read(record)
            (rows.start if hasattr(rows, "start") else rows.start_timers)()

        meter(run, len(records))
    return partition


FOLDS = {"plain": plain, "full": full, "deliver": deliver, "recovery": recovery}


def _unmeasured(run: Callable[[], None], events: int) -> None:
    run()


def _warm_then(partition: Partition, events: list[tuple[bytes, bytes]], meter: Meter) -> None:
    partition.take(events[:BATCH], _unmeasured)
    partition.take(events[BATCH:], meter)


def _named(name: str, *modules: str) -> Any:
    """What has this name in the first of these modules that has it: it has moved since."""
    for module in modules:
        with suppress(ImportError, AttributeError):
            return getattr(import_module(f"tocsin.streams.rules.{module}"), name)
    raise ImportError(name)


def _delivered(attempt: bytes) -> bytes:
    asked: Any = decode(attempt)
    outcome = DeliveryOutcome(
        event_id=asked.event_id,
        tenant=asked.tenant,
        occurred_at=asked.occurred_at,
        recorded_at=asked.recorded_at,
        delivery_id=asked.delivery_id,
        endpoint=asked.endpoint,
        attempt=asked.attempt,
        outcome=Outcome.DELIVERED,
        reason="ok",
        status=204,
        duration=20_000,
    )
    return encode(outcome)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=4_000)
    parser.add_argument("--counted", action="store_true")
    chosen = parser.parse_args()
    found = {}
    for name, fold in FOLDS.items():
        meter: Clock | Count = Count() if chosen.counted else Clock()
        gc.collect()
        gc.disable()
        partition = fold(chosen.events, meter)
        gc.enable()
        found[name] = {**meter.figures(), "digest": partition.digest.hexdigest()[:16]}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
