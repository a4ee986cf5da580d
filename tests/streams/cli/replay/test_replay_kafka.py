"""What a replay finds in the log of an endpoint, and its pace of writing; no worker runs, the test is the bus."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import typer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from msgspec.structs import replace

from tests.harness.bus import Bus
from tests.streams.cli.dead.letters import a_request, died
from tocsin.connectors.kafka import open_consumer, open_producer
from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import (
    DeliveryOutcome,
    DeliveryRequested,
    EndpointCommand,
    EndpointCommandKind,
    Event,
    Outcome,
)
from tocsin.schemas.ids import new_event_id
from tocsin.streams.cli.replay import command, sending
from tocsin.streams.cli.replay.log import Asked, EndpointLog, Found, Plan, log_of
from tocsin.streams.settings import Settings

EVER = Asked("owner", 0, 4_000_000_000_000_000)


def an_outcome(delivery: str, outcome: Outcome = Outcome.DELIVERED, endpoint: str = "owner") -> DeliveryOutcome:
    return DeliveryOutcome(
        event_id=f"outcome of {delivery}", tenant="acme", occurred_at=1, recorded_at=1, delivery_id=delivery,
        endpoint=endpoint, attempt=1, outcome=outcome, reason="delivered", duration=1,
    )  # fmt: skip


def a_replay(cause: str | None = None, why: str | None = None) -> EndpointCommand:
    return EndpointCommand(
        event_id=new_event_id(), tenant="acme", occurred_at=1, recorded_at=1, cause=cause, endpoint="owner",
        kind=EndpointCommandKind.REPLAY, by="ann", why=why, since=0, until=4_000_000_000_000_000,
    )  # fmt: skip


@asynccontextmanager
async def a_bus(bootstrap: str, prefix: str, tmp_path: object) -> AsyncIterator[Settings]:
    """Topics, and nothing that runs."""
    bus = Bus(bootstrap, prefix, tmp_path)  # type: ignore[arg-type]
    await bus.make_topics()
    yield Settings(bootstrap=bootstrap, prefix=prefix, partitions=4)


async def say(settings: Settings, *events: Event | bytes, endpoint: str = "owner") -> int:
    """Write events into the log of an endpoint; the offset of the last one."""
    async with open_producer(settings.bootstrap or "") as producer:
        for event in events:
            headers = [] if isinstance(event, bytes) else cloud_event_headers(event, b"test")
            value = event if isinstance(event, bytes) else encode(event)
            at = await producer.send_and_wait(
                f"{settings.prefix}deliveries", value, key=endpoint.encode(), headers=headers
            )
    return int(at.offset)


async def plan_of(
    settings: Settings, asked: Asked = EVER, died: tuple[str, ...] = (), goes_on: str | None = None
) -> Plan:
    async with log_of(settings, "owner") as log:
        return await log.plan(asked, died, goes_on, lambda count: None)


def sent(plan: Plan) -> dict[str, int]:
    return {delivery: found.replay + 1 for delivery, found in plan.found.items()}


async def test_what_is_found_in_the_log(bootstrap: str, prefix: str, tmp_path: object) -> None:
    async with a_bus(bootstrap, prefix, tmp_path) as settings:
        requests = [a_request(f"d{number}") for number in range(6)]
        await say(settings, *requests, a_request("desk", endpoint="desk"), b"poison")
        await say(settings, an_outcome("d0"), an_outcome("d1", Outcome.RETRY_LATER), an_outcome("d2", Outcome.REJECTED))
        await say(settings, an_outcome("desk", endpoint="desk"), replace(an_outcome("d3"), tenant="globex"))
        assert sent(await plan_of(settings)) == {"d0": 1, "d3": 1}, "delivered, and nothing else"
        assert sent(await plan_of(settings, died=("d2",))) == {"d0": 1, "d2": 1, "d3": 1}
        assert sent(await plan_of(settings, replace_asked(tenant="acme"))) == {"d0": 1}
        assert sent(await plan_of(settings, replace_asked(codes=frozenset({"e.p"})))) == {"d0": 1, "d3": 1}
        assert sent(await plan_of(settings, replace_asked(codes=frozenset({"e.m"})))) == {}
        assert sent(await plan_of(settings, replace_asked(until=1))) == {}
        command = a_replay()
        again = replace(requests[0], replay=1, cause=command.event_id)
        await say(settings, command, again, replace(requests[0], replay=4), a_replay(command.event_id))
        plan = await plan_of(settings)
        assert sent(plan) == {"d0": 5, "d3": 1}, "numbered on"
        assert [one.by for one in plan.before] == ["ann", "ann"]
        goes_on = await plan_of(settings, goes_on=command.event_id)
        assert (sent(goes_on), goes_on.sent) == ({"d3": 1}, 1)


async def test_one_that_is_gone_on_with_sends_no_more_than_was_asked_for(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    bus = Bus(bootstrap, prefix, tmp_path)
    async with a_bus(bootstrap, prefix, tmp_path) as settings:
        theirs = [replace(a_request(f"g{number}"), tenant="globex") for number in range(3)]
        requests = [a_request("d0"), a_request("d1"), *theirs]
        await say(settings, *requests)
        await say(settings, *(replace(an_outcome(one.delivery_id), tenant=one.tenant) for one in requests))
        first = a_replay(why='only {"tenant": "acme"}; a disk')
        second = a_replay(first.event_id, why='only {"tenant": "acme"}')
        await say(settings, first, replace(requests[0], replay=1, cause=first.event_id), second)
        for command in (first, second):
            code, said = await bus.run(
                "replay", "--endpoint", "owner", "--continue", command.event_id, "--dry-run", "--json"
            )
            assert code == 0, said
            found = json.loads(said[said.index("{") :])
            assert (found["found"], found["sent_before"]) == (1, 1), "neither another tenant's, nor what was sent"
        code, said = await bus.run(
            "replay", "--endpoint", "owner", "--continue", first.event_id, "--tenant", "globex", "--dry-run"
        )
        assert (code, "--continue keeps to it" in said) == (2, True), said


def replace_asked(tenant: str | None = None, codes: frozenset[str] = frozenset(), until: int = EVER.until) -> Asked:
    return Asked("owner", 0, until, tenant, codes)


async def test_what_retention_took_is_counted(bootstrap: str, prefix: str, tmp_path: object) -> None:
    async with a_bus(bootstrap, prefix, tmp_path) as settings:
        await say(settings, a_request("d0"))
        behind = await say(settings, a_request("d1"), an_outcome("d0"), an_outcome("d1")) - 2
        async with log_of(settings, "owner") as log:
            place = log.place
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.delete_records({place: RecordsToDelete(before_offset=behind)})
        await admin.close()
        plan = await plan_of(settings)
        assert (sent(plan), plan.gone, plan.lost) == ({"d1": 1}, 1, behind)


@asynccontextmanager
async def a_sending(
    settings: Settings, hold_count: int, rate: int | None = None
) -> AsyncIterator[tuple[sending.Sending, EndpointLog]]:
    async with (
        open_producer(settings.bootstrap or "") as producer,
        log_of(settings, "owner") as log,
        sending.following(settings, log) as follow,
    ):
        yield sending.Sending(producer, follow, log.place, "command", rate, hold_count), log


async def the_bus(settings: Settings, first: int, lanes: list[Counter[str | None]], stop: asyncio.Event) -> None:
    """Delivers what is asked for, a little of it at a time, and notes how much of each lane was under way."""
    async with (
        open_consumer(settings.bootstrap or "", fetch_max_wait_ms=50) as consumer,
        log_of(settings, "owner") as log,
    ):
        consumer.assign([log.place])
        consumer.seek(log.place, first)
        waiting: list[DeliveryRequested] = []
        while not stop.is_set():
            for records in (await consumer.getmany(timeout_ms=100)).values():
                events = [decode(record.value) for record in records]
                waiting += [event for event in events if isinstance(event, DeliveryRequested)]
            lanes.append(Counter(request.lane for request in waiting))
            done, waiting = waiting[:3], waiting[3:]
            if done:
                await say(settings, *(an_outcome(request.delivery_id) for request in done))


@pytest.mark.timeout(240)
async def test_a_lane_is_never_given_more_than_half_of_what_it_holds(
    bootstrap: str, prefix: str, tmp_path: object
) -> None:
    async with a_bus(bootstrap, prefix, tmp_path) as settings:
        requests = [replace(a_request(f"d{number}"), lane=f"t{number % 2}") for number in range(40)]
        await say(settings, *requests, *(an_outcome(request.delivery_id) for request in requests))
        plan, lanes, stop = await plan_of(settings), list[Counter[str | None]](), asyncio.Event()
        async with a_sending(settings, hold_count=10) as (sender, log):
            delivering = asyncio.create_task(the_bus(settings, log.end, lanes, stop))
            await sender.send(log.requests(plan), asyncio.Event(), lambda count: None)
            await sender.watch(60, asyncio.Event())
            stop.set()
            await delivering
        assert (sender.sent.written, sender.sent.delivered, sender.sent.why) == (40, 40, None)
        assert max(count for lane in lanes for count in lane.values()) <= 5
        again = [event for event in await log_events(settings) if event.replay]
        assert [event.delivery_id for event in again] == [request.delivery_id for request in requests], "in their order"
        assert {(event.replay, event.cause) for event in again} == {(1, "command")}


async def test_what_dies_without_an_outcome_has_ended(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with a_bus(bootstrap, prefix, tmp_path) as settings:
        requests = [a_request(f"d{number}") for number in range(9)]
        await say(settings, *requests, *(an_outcome(request.delivery_id) for request in requests))
        plan, reasons = await plan_of(settings), ("exhausted", "held_too_long", "gone")

        async def bury() -> None:
            async with open_producer(settings.bootstrap or "") as producer:
                for number in range(9):
                    headers = died(reasons[number % 3], "deliver", f"{prefix}deliveries")
                    dead = encode(replace(requests[number], replay=1))
                    await producer.send_and_wait(f"{prefix}dead", dead, key=b"owner", headers=headers)

        async with a_sending(settings, hold_count=8) as (sender, log):
            sends = asyncio.create_task(sender.send(log.requests(plan), asyncio.Event(), lambda count: None))
            async with asyncio.timeout(60):
                while sender.sent.written < 4:  # noqa: ASYNC110 - half of what the lane holds
                    await asyncio.sleep(0.02)
                while not sends.done():
                    await bury()
                await sends
                await bury()
            await sender.watch(60, asyncio.Event())
        sent = sender.sent
        assert (sent.written, sent.died, sent.rejected, sent.under_way, sent.why) == (9, 6, 3, 0, None)


def test_with_some_left_it_does_not_end_well(capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(found={name: Found(0, 0) for name in ("d0", "d1")})
    with pytest.raises(typer.Exit) as ended:
        command._end(plan, EVER, "c", sending.Sent(written=1, delivered=1), False)
    assert ended.value.exit_code == 1
    assert "1 were not sent: what they said was deleted" in capsys.readouterr().err


async def test_an_endpoint_that_takes_nothing_is_given_up(
    bootstrap: str, prefix: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PATIENCE", 0.5)
    async with a_bus(bootstrap, prefix, tmp_path) as settings:
        requests = [a_request(f"d{number}") for number in range(9)]
        await say(settings, *requests, *(an_outcome(request.delivery_id) for request in requests))
        plan = await plan_of(settings)
        async with a_sending(settings, hold_count=8) as (sender, log):
            await sender.send(log.requests(plan), asyncio.Event(), lambda count: None)
        assert sender.sent.written == 4
        assert "has taken nothing" in (sender.sent.why or "")


async def log_events(settings: Settings) -> list[DeliveryRequested]:
    async with log_of(settings, "owner") as log:
        events = log._events(log.start, log.end, (DeliveryRequested,), lambda count: None)
        return [event async for _, event in events if isinstance(event, DeliveryRequested)]
