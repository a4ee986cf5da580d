"""Dead letters and what was delivered, sent again: by the command line, to a real receiver, also when it is killed."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.harness.bus import Bus
from tests.harness.receiver import Arrival, Receiver, rules_for
from tests.harness.traffic import arrived
from tests.streams.cli.dead.letters import died
from tocsin.connectors.kafka import open_producer
from tocsin.connectors.publish import Origin, Publisher, problem, problem_reported
from tocsin.schemas.codec import encode
from tocsin.schemas.ids import derived_id

THREADS, EACH = 5, 30


async def published(bootstrap: str, prefix: str) -> dict[str, list[str]]:
    """The delivery ids of what was reported of each thread, in order."""
    ids: defaultdict[str, list[str]] = defaultdict(list)
    async with Publisher(bootstrap, prefix=prefix) as publisher:
        for number in range(THREADS * EACH):
            thread = f"thread-{number % THREADS}"
            receipt = await publisher.publish(
                problem("e.p.msg", text=f"number {number}", thread_id=thread), tenant="acme"
            )
            ids[thread].append(derived_id("delivery", receipt.event_id, "owner"))
    return ids


def in_order(arrivals: list[Arrival], ids: dict[str, list[str]]) -> bool:
    """Whether what arrived of each thread came in its order, each once."""
    thread_of = {delivery: thread for thread, deliveries in ids.items() for delivery in deliveries}
    found: defaultdict[str, list[str]] = defaultdict(list)
    for arrival in arrivals:
        found[thread_of[arrival.delivery_id]].append(arrival.delivery_id)
    return found == ids


async def replay(bus: Bus, *arguments: str, failpoint: str = "") -> tuple[int, dict[str, Any], str]:
    """`tocsin replay`: its exit code, its one object, and all that it said."""
    bus.environment |= {"TOCSIN_FAILPOINT": failpoint} if failpoint else {}
    code, said = await bus.run("replay", "--endpoint", "owner", "--wait", "30s", "--by", "ann", "--json", *arguments)
    bus.environment.pop("TOCSIN_FAILPOINT", None)
    objects = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return code, objects[0] if objects else {}, said


@pytest.mark.timeout(480)
async def test_an_endpoint_gets_again_what_it_got_marked_and_in_lane_order(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(worker.ready(), dispatch.ready())
        ids = await published(bootstrap, prefix)
        everything = {delivery for deliveries in ids.values() for delivery in deliveries}
        await arrived(receiver, everything)
        bodies = {arrival.delivery_id: arrival.body for arrival in receiver.arrivals}

        code, looked, _ = await replay(bus, "--from", "1h", "--dry-run")
        assert (code, looked["found"], looked["sent"], looked["gone"]) == (0, len(everything), 0, 0)
        assert (await replay(bus, "--from", "1h", "--code", "e.p.nothing"))[0] == 1
        assert len(receiver.arrivals) == len(everything), "nothing was sent yet"

        code, sent, said = await replay(bus, "--from", "1h")
        assert (code, sent["sent"], sent["delivered"], sent["left"]) == (0, len(everything), len(everything), 0), said
        again = receiver.arrivals[len(everything) :]
        assert {arrival.headers["tocsin-replay"] for arrival in again} == {"1"}
        assert {arrival.delivery_id: arrival.body for arrival in again} == bodies
        assert in_order(again, ids)

        code, _, said = await replay(bus, "--from", "1h", failpoint="requests_written:1")
        assert code == -signal.SIGKILL
        on_record = [line for line in said.splitlines() if line.startswith("on record as ")]
        command = on_record[0].split()[3].rstrip(";")
        code, rest, said = await replay(bus, "--continue", command)
        assert (code, rest["sent_before"], rest["sent"]) == (0, 100, len(everything) - 100), said
        assert (await replay(bus, "--continue", command))[1]["sent"] == 0, "it is complete"
        await arrived_times(receiver, 3 * len(everything))
        again = receiver.arrivals[2 * len(everything) :]
        assert {arrival.headers["tocsin-replay"] for arrival in again} == {"2"}
        assert in_order(again, ids), "nothing twice, nothing missing, in order"

        code, _, _ = await replay(bus, "--from", "1h", failpoint="replay_on_record:1")
        assert code == -signal.SIGKILL
        assert f"by ann: --continue {command}" in (await replay(bus, "--from", "1h", "--dry-run"))[2]
        answers = (await bus.run("tail", "answers", "--from", "beginning", "--no-follow", "--json"))[1]
        kinds = [json.loads(line)["event"] for line in answers.splitlines() if line.startswith("{")]
        assert {(one["kind"], one["outcome"], one["by"]) for one in kinds} == {("replay", "done", "ann")}

        assert (await bus.run("endpoint", "disable", "owner", "--by", "ann"))[0] == 0
        code, _, said = await replay(bus, "--from", "1h")
        assert (code, "it is disabled: enable it first" in said) == (1, True)
        assert len(receiver.arrivals) == 3 * len(everything)


async def arrived_times(receiver: Receiver, count: int) -> None:
    """Wait until so many have arrived, in all."""
    async with asyncio.timeout(60):
        while len(receiver.arrivals) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@pytest.mark.timeout(480)
async def test_poison_is_listed_and_what_can_be_read_now_is_replayed_and_told_once(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    report = problem_reported(problem("e.p.msg", text="an older release could not read it"), Origin(tenant="acme"))
    delivery = derived_id("delivery", report.event_id, "owner")
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(worker.ready(), dispatch.ready())
        async with open_producer(bootstrap) as producer:
            await producer.send_and_wait(f"{prefix}inbox", b"\x01 no event", key=b"acme")
            letter = died("unknown_schema", topic=f"{prefix}inbox")
            await producer.send_and_wait(f"{prefix}dead", encode(report), key=b"acme", headers=letter)
        async with asyncio.timeout(60):
            while "not_framed" not in (said := (await bus.run("dead", "stats"))[1]):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        assert "this release cannot read it either (not_framed)" in said
        assert "unknown_schema" in said
        for failpoint in ("letters_written:1", "letters_noted:1", ""):
            bus.environment["TOCSIN_FAILPOINT"] = failpoint
            await bus.run("dead", "replay", "--all")
        del bus.environment["TOCSIN_FAILPOINT"]
        await arrived(receiver, {delivery})
        code, said = await bus.run("dead", "replay", "--all")
        assert code == 1
        assert "1 not replayed: it was replayed already" in said
        await asyncio.sleep(1)
        assert [arrival.delivery_id for arrival in receiver.arrivals] == [delivery], "told once, however often it came"


@pytest.mark.timeout(480)
async def test_a_dead_delivery_is_replayed_marked_and_its_replay_counts_on(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    statuses = [410]
    async with (
        Receiver(behave=lambda before, delivery: statuses[-1]) as receiver,
        Bus(bootstrap, prefix, tmp_path) as bus,
    ):
        bus.rules(rules_for(receiver.url))
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(worker.ready(), dispatch.ready())
        async with Publisher(bootstrap, prefix=prefix) as publisher:
            receipt = await publisher.publish(problem("e.p.msg"), tenant="acme")
        delivery = derived_id("delivery", receipt.event_id, "owner")
        async with asyncio.timeout(60):
            while (await replay(bus, "--from", "1h", "--dry-run"))[1].get("found") != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        statuses.append(200)
        assert (await bus.run("endpoint", "enable", "owner", "--by", "ann"))[0] == 0
        code, said = await bus.run("dead", "replay", "--endpoint", "owner", "--reason", "gone")
        assert code == 0, said
        await arrived(receiver, {delivery})
        code, _, said = await replay(bus, "--from", "1h")
        assert code == 0, said
        mine = [arrival for arrival in receiver.arrivals if arrival.delivery_id == delivery]
        assert [(one.headers.get("tocsin-replay"), one.attempt) for one in mine] == [(None, 1), ("1", 2), ("2", 3)]
