"""Faust around the engine: the consumer group, the agents, the life of the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import faust
import structlog
from aiokafka import AIOKafkaConsumer
from faust.contrib.asgi import faust_app_running
from faust.types import StreamT

from tocsin.streams.engine.engine import Engine
from tocsin.streams.engine.garbage import IN_A_BATCH, rare_garbage_collection
from tocsin.streams.engine.record import RuleSet
from tocsin.streams.engine.transport import BatchConsumer, transport_for

_log = structlog.get_logger("tocsin.engine")


class BatchApp(faust.App):
    """A Faust app that keeps nothing on disk: rows live in memory and in the changelog."""

    def _create_directories(self) -> None:
        return None


def build_app(
    group: str, engine: Engine, rule_sets: Iterable[RuleSet], bootstrap: str, prefix: str, session_timeout: float = 10.0
) -> faust.App:
    """A Faust app with one agent per rule set. The time-outs let another worker take over within 20 s."""
    app = BatchApp(
        group,
        broker=f"kafka://{bootstrap.replace(',', ';')}",
        processing_guarantee="at_least_once",  # Faust's exactly_once is broken; our write order needs none
        broker_session_timeout=session_timeout,  # 10 s: take-over within 20 s
        broker_heartbeat_interval=session_timeout / 3.4,
        broker_rebalance_timeout=20.0,
        broker_request_timeout=30.0,  # must be at least the session time-out
        broker_max_poll_interval=300.0,  # a stuck worker is found after five minutes, not after 1000 s
        broker_max_poll_records=1000,  # fairness between partitions
        broker_commit_interval=1.0,  # for lag tools only
        producer_request_timeout=30.0,  # the default, 20 minutes, hides a dead broker
        stream_wait_empty=False,  # waiting without limit ends in being expelled from the group
        topic_allow_declare=False,  # topics are made by `tocsin topics apply`
        topic_disable_leader=True,  # its topic has no commits and confuses lag tools
        table_standby_replicas=0,
        store="memory://",
        worker_redirect_stdouts=False,
        web_enabled=False,  # Faust's /table end point would show rows to anybody
    )
    app.transport = transport_for(app, engine, bootstrap)
    for rules in rule_sets:
        _add_agent(app, engine, rules, prefix)
    return app


def _add_agent(app: faust.App, engine: Engine, rules: RuleSet, prefix: str) -> None:
    topic = app.topic(prefix + rules.input_topic, acks=False)

    async def subscribed(records: StreamT[Any]) -> None:
        """Has the topic subscribed to; its records go from the consumer to the engine (engine/transport.py)."""
        async for _ in records:
            raise AssertionError("a record came by way of Faust")

    app.agent(topic, name=rules.name)(subscribed)


class FatalWorker(Exception):
    """The worker cannot go on and should be started again."""


async def run_worker(app: faust.App, engine: Engine, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Run until `stop` is set; raises FatalWorker when Faust or the engine gave up.

    On a clean stop the batches at hand are finished, so that the next owner has nothing to repeat.
    """
    missing = await engine.start(lambda partition, offset: _client(app).seek(partition, offset))
    try:
        if missing:
            raise FatalWorker(f"topics are missing: {', '.join(missing)}; run: tocsin topics apply")
        async with faust_app_running(app, stop_timeout=25.0):
            ready.set()
            with rare_garbage_collection(IN_A_BATCH):
                await _until_stopped(app, stop)
    finally:
        await engine.stop()


async def _until_stopped(app: faust.App, stop: asyncio.Event) -> None:
    crashed = asyncio.create_task(_wait_for_crash(app))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({crashed, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (crashed, stopping):
        task.cancel()
    if not stop.is_set():
        raise FatalWorker(f"Faust stopped: {app.crash_reason!r}")


def _client(app: faust.App) -> AIOKafkaConsumer:
    consumer = app.consumer
    assert isinstance(consumer, BatchConsumer)
    return consumer.client


async def _wait_for_crash(app: faust.App) -> None:
    """Faust has no event for it that also covers its services, so it is looked at twice a second."""
    while not app.crashed and not app.should_stop:  # noqa: ASYNC110
        await asyncio.sleep(0.5)
