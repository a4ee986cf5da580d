"""A topic is deleted and made again while its reader is away: all that is new arrives, nothing is repeated."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.harness.bus import Bus
from tests.harness.judging import read_topic
from tests.harness.receiver import Receiver, rules_for
from tests.harness.traffic import arrived, publish_some


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("topic", "reader"), [("inbox", "worker"), ("attempts", "dispatch")])
async def test_what_is_new_arrives_and_nothing_is_repeated(
    bootstrap: str, prefix: str, tmp_path: Path, topic: str, reader: str
) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        children = {name: await bus.start(name) for name in ("worker", "dispatch")}
        await asyncio.gather(*(child.ready() for child in children.values()))
        first = await publish_some(bootstrap, prefix, 60)
        await arrived(receiver, first)
        await asyncio.sleep(2.0)
        read_before = {part for part, records in (await read_topic(bootstrap, prefix + topic)).items() if records}
        await bus.stop(children[reader])
        await bus.make_topics(again=topic)
        while_away = await publish_some(bootstrap, prefix, 30)
        await (await bus.start(reader)).ready()
        afterwards = await publish_some(bootstrap, prefix, 30)
        await arrived(receiver, while_away | afterwards)
        await asyncio.sleep(3.0)
        await bus.stop()
        came = receiver.delivered()
        assert came.keys() == first | while_away | afterwards
        assert [delivery for delivery, times in came.items() if len(times) > 1] == []
        reports = [
            dict(found.headers) for part in (await read_topic(bootstrap, f"{prefix}dead")).values() for found in part
        ]
        reasons = {report["tocsin.reason"] for report in reports}
        if topic == "inbox":
            assert reasons <= {b"input_recreated", b"input_truncated"}
            assert {int(report["__connect.errors.partition"] or b"") for report in reports} == read_before
            assert len(reports) == len(read_before), "said once for each partition"
        else:
            assert reports == []
