"""The trace of a request goes through decide and deliver to the webhook's headers and body, on the real bus; and with a
collector each process tells its part of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.bus import Bus, Child
from tests.harness.otlp_receiver import OtlpReceiver
from tests.harness.receiver import Arrival, Receiver, rules_for

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STATE = "vendor=1,other=a:b"
SAID = {"traceparent": TRACE, "tracestate": STATE}


def trace_in(members: object) -> dict[str, str]:
    assert isinstance(members, Mapping)
    return {name: members[name] for name in SAID if name in members}


@pytest.mark.timeout(180)
async def test_the_trace_of_a_request_reaches_the_webhook(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    fails_once = Receiver(behave=lambda before, delivery_id: 503 if not before else 200)
    async with fails_once as receiver, Bus(bootstrap, prefix, tmp_path) as bus, aiohttp.ClientSession() as session:
        bus.rules(rules_for(receiver.url))
        gateway, *_ = await _started(bus)
        for text, headers in (("traced", SAID), ("not traced", {})):
            document = {"title": text, "status": 500}
            async with session.post(f"{gateway.url}/v1/problems", json=document, headers=headers) as answer:
                assert answer.status == 202
        found = await _arrivals(receiver, 4)
        for each in found:
            traced = each.document["data"]["problem"]["text"] == "traced"
            expected = SAID if traced else {}
            assert (trace_in(each.headers), trace_in(each.document["data"])) == (expected, expected)
        assert sorted(each.attempt for each in found) == [1, 1, 2, 2]


@pytest.mark.timeout(180)
async def test_one_trace_from_publishing_to_the_webhook_is_seen_by_a_collector(
    bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    fails_once = Receiver(behave=lambda before, delivery_id: 503 if not before else 200)
    async with (
        OtlpReceiver() as collector,
        fails_once as receiver,
        Bus(bootstrap, prefix, tmp_path) as bus,
        aiohttp.ClientSession() as session,
    ):
        bus.rules(rules_for(receiver.url))
        bus.environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        gateway, *_ = await _started(bus)
        said = {"traced": SAID, "not traced": {}, "not kept": {"traceparent": f"{TRACE[:-1]}0".replace("0af", "1af")}}
        for text, headers in said.items():
            document = {"title": text, "status": 500}
            async with session.post(f"{gateway.url}/v1/problems", json=document, headers=headers) as answer:
                assert answer.status == 202
        found = {text: [each for each in await _arrivals(receiver, 6) if _text(each) == text] for text in said}
        await bus.stop()  # what waits is sent
        traced = collector.of(TRACE[3:35])
        [server] = [span for span in traced if span.process == "gateway"]
        assert (server.name, server.parent) == ("POST /v1/problems", TRACE[36:52])
        others = sorted((span.process, span.name) for span in traced if span.process != "gateway")
        assert others[:2] == [("dispatch", "tocsin attempt")] * 2
        assert {("worker", "tocsin decide"), ("worker", "tocsin deliver")} <= set(others)
        assert {span.parent for span in traced} - {TRACE[36:52]} == {server.span_id}
        attempts = {span.span_id: span for span in traced if span.process == "dispatch"}
        heard = {each.headers["traceparent"][36:52]: each.attempt for each in found["traced"]}
        assert {span_id: span.attributes["tocsin.attempt"] for span_id, span in attempts.items()} == heard
        assert {span.attributes["tocsin.attempt"]: span.failed for span in attempts.values()} == {1: True, 2: False}
        assert {each.headers["tracestate"] for each in found["traced"]} == {STATE}
        # one that nobody began is begun at the gateway; one that its publisher does not keep is not kept
        [begun] = {span.trace_id for span in collector.spans} - {TRACE[3:35]}
        assert {each.headers["traceparent"][3:35] for each in found["not traced"]} == {begun}
        assert {each.headers["traceparent"] for each in found["not kept"]} == {said["not kept"]["traceparent"]}


@pytest.mark.timeout(180)
async def test_a_collector_that_is_away_holds_nothing_up(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus, aiohttp.ClientSession() as session:
        bus.rules(rules_for(receiver.url))
        bus.environment |= {
            "TOCSIN_OTLP_ENDPOINT": "http://127.0.0.1:9",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_BSP_MAX_QUEUE_SIZE": "4",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
        }
        gateway, *_ = await _started(bus)
        for number in range(20):
            document = {"title": f"{number}", "status": 500}
            async with session.post(f"{gateway.url}/v1/problems", json=document) as answer:
                assert answer.status == 202
        await _arrivals(receiver, 20)
        async with session.get(f"{gateway.url}/metrics") as answer:
            metrics = text_string_to_metric_families(await answer.text())
        spans = {
            sample.labels["result"]: sample.value
            for family in metrics
            for sample in family.samples
            if sample.name == "tocsin_spans_total"
        }
        assert (spans["exported"], spans["failed"] + spans["dropped"] >= 12) == (0, True)
        await bus.stop()
        assert {child.process.returncode for child in bus.children} == {0}


async def _started(bus: Bus) -> list[Child]:
    names = ("gateway", "worker", "dispatch")
    started = [await bus.start(name, **({"TOCSIN_PORT": "0"} if name == "gateway" else {})) for name in names]
    return await asyncio.gather(*(one.ready() for one in started))


def _text(arrival: Arrival) -> str:
    return str(arrival.document["data"]["problem"]["text"])


async def _arrivals(receiver: Receiver, count: int) -> list[Arrival]:
    deadline = time.monotonic() + 90
    while len(receiver.arrivals) < count:
        assert time.monotonic() < deadline, receiver.arrivals
        await asyncio.sleep(0.1)
    return receiver.arrivals
