"""What an owner does when its changelog was made again or cut, or shadowed by many late writes."""

from __future__ import annotations

import json
from typing import Any

from tests.streams.engine.one_partition import NAMES
from tests.streams.engine.simulated_log import Faults, SimulatedBroker, SimulatedLog
from tests.streams.engine.tally import Tally
from tocsin.streams.engine.changelog import Entry
from tocsin.streams.engine.partition import PartitionWriter


async def test_a_changelog_made_again_under_an_owner_gets_every_row_back() -> None:
    broker = SimulatedBroker(1)
    rules, log = Tally(), SimulatedLog(broker, Faults())
    writer = PartitionWriter(rules, NAMES, 0, log, b"A" * 16)
    await writer.take_over()

    async def fold(name: str) -> None:
        offset = broker.land("numbers", [(None, json.dumps({"name": name, "add": 1}).encode(), ())], 0)
        await writer.write(writer.fold([one for one in broker.values("numbers") if one.offset == offset]))

    for name in ("a", "b", "c"):
        await fold(name)
    broker.make_again(NAMES.changelog)
    await fold("d")
    again = PartitionWriter(rules, NAMES, 0, SimulatedLog(broker, Faults()), b"B" * 16)
    assert (await again.take_over()).position == 4
    assert dict(again.state.rows.items()) == dict(writer.state.rows.items())
    assert len(again.state.rows) == 4


async def test_more_shadowed_rows_than_fit_one_batch_are_rewritten_in_several() -> None:
    class Measuring(SimulatedLog):
        async def append(self, topic: str, partition: int, owner: bytes, entries: Any) -> int | None:
            assert sum(len(entry.value or b"") for entry in entries) < 4_000_000
            return await super().append(topic, partition, owner, entries)

    broker = SimulatedBroker(1)
    rules, log = Tally(), Measuring(broker, Faults())
    writer = PartitionWriter(rules, NAMES, 0, log, b"A" * 16)
    await writer.take_over()
    for number in range(8):
        event = {"name": f"n{number}", "id": "x" * 1_000_000}
        offset = broker.land("numbers", [(None, json.dumps(event).encode(), ())], 0)
        folded = writer.fold([one for one in broker.values("numbers") if one.offset == offset])
        folded.outputs.clear()
        await writer.write(folded)
    late = [Entry(f"rn{number}".encode(), b"late") for number in range(8)]
    await SimulatedLog(broker, Faults()).append(NAMES.changelog, 0, b"Z" * 16, late)
    again = PartitionWriter(rules, NAMES, 0, log, b"B" * 16)
    await again.take_over()
    assert not again.state.rewrite
    newest = {record.key: record for record in broker.values(NAMES.changelog)}
    assert all(newest[f"rn{number}".encode()].headers[0][1] == b"B" * 16 for number in range(8))
