"""From the release before to this one, process by process, while events are accepted (docs/upgrading.md): nothing is
lost, threads keep their order, and what the release before began this one goes on with. And back, as far as that goes.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.harness.bus import Bus, Child
from tests.harness.earlier import Earlier, EarlierBus, install_earlier
from tests.harness.judging import read_topic
from tests.harness.receiver import SECRET
from tests.harness.upgrading import PARTITIONS, THREADS, Crossing, Told, Traffic, a_used_bus, rules, until
from tests.harness.wiring import events_on
from tocsin.schemas.events import (
    ConflictNoticed,
    DeliveryAttempt,
    DeliveryOutcome,
    DeliveryRequested,
    EscalationRaised,
    EscalationStepped,
    ProblemOpened,
    ProblemRepeated,
    ProblemResolved,
    ProblemSuppressed,
)
from tocsin.schemas.ids import derived_id

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900), pytest.mark.xdist_group("earlier")]

WITH_AN_ID = {
    "type": "https://didcomm.org/report-problem/2.0/problem-report",
    "id": "7c9de639-c51c-4d60-ab95-103fa613c805",
    "pthid": "1e513ad4-48c9-444e-9e7e-5b8b45c5e325",
    "body": {"code": "e.p.xfer.cant-use-endpoint", "comment": "cannot use {1}", "args": ["https://agent.example"]},
}
NEW_BY_OLD, OLD_BY_NEW = (True, False), (False, True)
"""Which of the releases wrote an event, and what came of it; this one is True."""


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Earlier:
    return install_earlier(tmp_path_factory.mktemp("earlier"))


class Roll:
    """The processes of both releases, two of each kind."""

    def __init__(self, bus: Bus, earlier: Earlier, traffic: Traffic) -> None:
        self.bus, self.earlier, self.traffic = bus, earlier, traffic
        self.of: dict[str, list[Child]] = {}

    async def start_earlier(self, told: Told) -> None:
        """Two of each. A page is due so long after its report that the workers can be replaced before, by the time that
        starting takes on this machine as it is now."""
        began = monotonic()
        await self._start_earlier("dispatch", "gateway")
        self.bus.rules(rules(told, page_after=max(90, round(9 * (monotonic() - began)))))
        await self._start_earlier("worker")
        self.traffic.gateways += self.of["gateway"]

    async def _start_earlier(self, *names: str) -> None:
        for name in names:
            self.of[name] = [await self.earlier.start(self.bus, name) for _ in range(2)]
        await asyncio.gather(*(child.ready() for name in names for child in self.of[name]))

    async def add(self, name: str) -> None:
        """One more of this release."""
        await self._take(name, await self.bus.start(name))

    async def end(self, name: str) -> None:
        """End the oldest process of a kind as a supervisor does."""
        ended = self.of[name].pop(0)
        if ended in self.traffic.gateways:
            self.traffic.gateways.remove(ended)
        await self.bus.stop(ended)
        assert ended.process.returncode == 0, ended.log.read_text(errors="replace")[-3000:]

    async def replace(self, name: str) -> None:
        """The oldest by one of this release."""
        await self.end(name)
        await self.add(name)

    async def spread(self) -> None:
        """Until the worker of each release has partitions of both topics, which is chance: else another comes and
        goes, and they are given out anew."""
        workers = self.of["worker"]
        for _ in range(10):
            await until(lambda: sum(map(len, map(held_by, workers))) == 2 * PARTITIONS, lambda: "nobody has some of it")
            if all(len({place.partition(" ")[0] for place in held_by(worker)}) == 2 for worker in workers):
                return
            await self.bus.stop(await (await self.bus.start("worker")).ready())
        raise AssertionError("each release always got one topic alone")

    async def put_back(self, name: str) -> None:
        """The oldest by one of the release before."""
        await self.end(name)
        await self._take(name, await self.earlier.start(self.bus, name))

    async def _take(self, name: str, child: Child) -> None:
        self.of[name].append(await child.ready())
        if name == "gateway":
            self.traffic.gateways.append(child)


def held_by(worker: Child) -> list[str]:
    """The partitions that a worker of either release says that it has: `inbox 3`."""
    said = [json.loads(line) for line in worker.log.read_text().splitlines() if '"partitions assigned"' in line]
    topics = [topic.split() for topic in said[-1]["all"].split("; ")] if said else []
    return [f"{topic[0]} {number}" for topic in topics for number in topic[1:]]


async def test_one_process_after_the_other(earlier: Earlier, bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with EarlierBus(bootstrap, prefix, tmp_path) as bus, a_used_bus(bus) as (traffic, told):
        assert (await earlier.run(bus, "topics", "apply"))[0] == 0
        roll = Roll(bus, earlier, traffic)
        await roll.start_earlier(told)
        async with traffic.flowing():
            await new_topics_first(bus)
            traffic.credential = await a_key(bus)
            before = await begun_by_the_earlier(traffic, told)
            for name in ("worker", "dispatch"):
                await roll.add(name)
            await roll.end("worker")
            await roll.spread()
            await until_read(bus, DeliveryAttempt, DeliveryOutcome, NEW_BY_OLD)
            for _ in range(2):
                await roll.end("dispatch")
            await until_read(bus, DeliveryAttempt, DeliveryOutcome, OLD_BY_NEW)
            await until_read(bus, DeliveryRequested, DeliveryAttempt, NEW_BY_OLD, OLD_BY_NEW)
            await roll.replace("worker")
            assert told.at_desk("escalation.stepped", "e.p.paged") == [], "too slow: paged before the workers were new"
            await roll.add("dispatch")
            await roll.replace("gateway")
            assert (await asked(traffic, traffic.gateways[-1], before["repeated"]))[0] == 503, "there is no store yet"
            projector = await (await bus.start("project")).ready()
            await roll.replace("gateway")

            await goes_on(bus, traffic, told, before)
            await traffic.publish(0, 1)  # sent again, by the key of what the release before took
            await in_the_store(traffic, before["repeated"])
        await told.of_all(traffic.accepted)
        await until(lambda: bool(told.at_desk("escalation.stepped", "e.p.paged")), lambda: "nobody was paged", 600)
        await bus.stop(projector, *(child for children in roll.of.values() for child in children))

        await as_promised(bus, traffic, told)


async def test_a_worker_that_goes_back_waits_and_loses_nothing(
    earlier: Earlier, bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    async with Bus(bootstrap, prefix, tmp_path) as bus, a_used_bus(bus) as (traffic, told):
        traffic.credential, roll = await a_key(bus), Roll(bus, earlier, traffic)
        roll.of = {name: [await bus.start(name)] for name in ("worker", "dispatch", "gateway")}
        await asyncio.gather(*(children[0].ready() for children in roll.of.values()))
        traffic.gateways += roll.of["gateway"]
        await told.of_all([await traffic.next_of(thread) for thread in range(THREADS)])

        await roll.put_back("dispatch")
        await roll.put_back("gateway")
        await told.of_all([await traffic.next_of(thread) for thread in range(THREADS)])

        await roll.put_back("worker")
        await until_it_waits(traffic, roll.of["worker"][0])
        waiting = [await traffic.next_of(thread) for thread in range(THREADS)]
        told_of = set().union(*(receiver.delivered() for receiver in told.owners.values()))
        assert told_of.isdisjoint(derived_id("delivery", one, name) for one in waiting for name in told.owners)

        await roll.replace("worker")
        await told.of_all(waiting)
        await bus.stop(*(child for children in roll.of.values() for child in children))
        for verdict in told.verdicts(await read_topic(bootstrap, f"{prefix}inbox"), traffic.accepted).values():
            assert (verdict.missing, verdict.spurious, verdict.changed, verdict.inverted) == ([], [], [], [])
        assert not any((await read_topic(bootstrap, f"{prefix}dead")).values())


async def until_it_waits(traffic: Traffic, worker: Child) -> None:
    """The worker says that it stands still, at which partitions, and what helps."""
    async with asyncio.timeout(120):
        while True:
            async with traffic.http.get(f"{worker.url}/readyz") as answer:
                said = await answer.text()
                if answer.status == 503 and said.count("run the release that wrote it, or a later one") > 0:
                    return
            await asyncio.sleep(0.2)


async def begun_by_the_earlier(traffic: Traffic, told: Told) -> dict[str, str]:
    """What is there when the upgrade begins; the ids of the reports."""
    hook = {"name": "hook", "url": told.desk.url, "secret": SECRET, "allow_private": True, "match": {"code": "e.p.sub"}}
    await traffic.ask("POST", "/v1/subscriptions?wait=30s", hook)
    matchers = [{"field": "code", "operator": "prefix", "value": "e.p.quiet"}]
    await traffic.ask("POST", "/v1/silences", {"matchers": matchers, "for": "1h"})
    reports = {
        "repeated": await traffic.report("e.p.repeated", thread_id="r"),
        "late": await traffic.report("e.p.late", thread_id="l"),
        "paged": await traffic.report("e.p.paged", thread_id="p"),
    }
    for code in reports:
        await told.opened(f"e.p.{code}")
    return reports | {"with an id": (await traffic.ask("POST", "/v1/problems", WITH_AN_ID))["event_id"]}


async def new_topics_first(bus: Bus) -> None:
    """A process of this release says what is missing, and ends; then it is made beside what is there."""
    code, said = await bus.run("worker")
    assert code == 69, said
    assert f"topics are missing: {bus.prefix}audit; run: tocsin topics apply" in " ".join(said.split())
    assert (await bus.run("topics", "apply"))[0] == 0


async def a_key(bus: Bus) -> dict[str, str]:
    """The header of a key that may do all: made and given out while gateways still ask for none."""
    code, said = await bus.run("keys", "create", "--scope", "admin", "--every-tenant", "--by", "ann")
    assert code == 0, said
    [key] = re.findall(r"tocsin_\w+", said)
    return {"authorization": f"Bearer {key}"}


async def until_read(bus: Bus, first: type, then: type, *wanted: tuple[bool, bool]) -> None:
    """Until events of one kind were read, and others written for them, by these of the two releases."""
    async with asyncio.timeout(180):
        while not (await Crossing.read(bus)).between(first, then).issuperset(wanted):  # noqa: ASYNC110
            await asyncio.sleep(1)


async def goes_on(bus: Bus, traffic: Traffic, told: Told, before: dict[str, str]) -> None:
    """What the release before began: repeated, resolved, silenced, sent by."""
    await traffic.report("e.p.repeated", thread_id="r")
    answer = await traffic.ask("POST", f"/v1/problems/{before['late']}/resolve?wait=30s", {"why": "a new cable"})
    assert answer["outcome"] == "done", answer
    assert (await traffic.ask("POST", "/v1/problems", WITH_AN_ID))["event_id"] == before["with an id"]
    quiet = await traffic.report("e.p.quiet")
    await traffic.report("e.p.sub")
    await until(lambda: bool(told.at_desk("problem.repeated", "e.p.repeated")), lambda: "the repeat is not told")
    await until(lambda: bool(told.at_desk("problem.resolved", "e.p.late")), lambda: "the end is not told")
    await told.opened("e.p.sub", times=2)  # by the subscription, and by the default route
    problems = await events_on(bus.bootstrap, bus.prefix, "problems")
    assert [one.reason for one in problems if isinstance(one, ProblemSuppressed) and one.report == quiet] == [
        "silenced"
    ]
    [opened] = [one for one in problems if isinstance(one, ProblemOpened) and one.report == before["repeated"]]
    assert [one.count for one in problems if isinstance(one, ProblemRepeated) and one.case == opened.case] == [2]
    assert [one.by for one in problems if isinstance(one, ProblemResolved)] == ["ann"]


async def asked(traffic: Traffic, gateway: Child, report: str) -> tuple[int, Any]:
    """What a gateway of this release says of a report."""
    query, url = {"tenant": "acme", "form": "json"}, f"{gateway.url}/v1/problems/{report}"
    async with traffic.http.get(url, params=query, headers=traffic.credential) as answer:
        return answer.status, await answer.json()


async def in_the_store(traffic: Traffic, report: str) -> None:
    """A gateway finds what the release before took, with what became of it."""
    async with asyncio.timeout(120):
        while True:
            status, found = await asked(traffic, traffic.gateways[0], report)
            if status == 200 and "decision" in found:
                return
            await asyncio.sleep(0.2)


async def as_promised(bus: Bus, traffic: Traffic, told: Told) -> None:
    """Nothing lost, invented, changed or out of order; no dead letter; each page once, and none early."""
    inbox = await read_topic(bus.bootstrap, f"{bus.prefix}inbox")
    verdicts = told.verdicts(inbox, traffic.accepted)
    print(f"{len(traffic.accepted)} accepted, repeats {[one.repeats for one in verdicts.values()]}")
    for verdict in verdicts.values():
        assert (verdict.missing, verdict.spurious, verdict.changed, verdict.inverted) == ([], [], [], [])
        assert verdict.repeats == 0
    assert not any(receiver.refused for receiver in (*told.owners.values(), told.desk))
    assert not any((await read_topic(bus.bootstrap, f"{bus.prefix}dead")).values())
    problems = await events_on(bus.bootstrap, bus.prefix, "problems")
    assert not any(isinstance(one, ConflictNoticed) for one in problems), "what is sent again is what it was"
    escalations = await events_on(bus.bootstrap, bus.prefix, "escalations")
    [stepped] = [one for one in escalations if isinstance(one, EscalationStepped)]
    [due] = [one.first_step_at for one in escalations if isinstance(one, EscalationRaised) and one.case == stepped.case]
    assert due is not None
    assert stepped.recorded_at >= due, "early"
    assert len(told.at_desk("escalation.stepped", "e.p.paged")) == 1
