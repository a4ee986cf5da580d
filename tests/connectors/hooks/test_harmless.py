"""Whatever the bus does, and whatever our hook does: a framework's jobs and answers are what they are without it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import dramatiq
import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.schedulers.background import BackgroundScheduler
from arq import Retry
from celery import Celery, signals
from dramatiq.brokers.stub import StubBroker
from flask import Flask, abort

from tests.connectors.hooks.told import story
from tests.connectors.sdk.conftest import Memory
from tocsin.connectors import jobs, sdk
from tocsin.connectors.hooks.apscheduler import watch_scheduler
from tocsin.connectors.hooks.arq import watch_arq
from tocsin.connectors.hooks.celery import watch_celery
from tocsin.connectors.hooks.dramatiq import ProblemMiddleware
from tocsin.connectors.hooks.flask import watch_flask
from tocsin.connectors.sdk import client
from tocsin.schemas.problem import MAX_RETRIES


class Torn(Exception):
    """A page is."""


def torn_twice() -> Callable[[], str]:
    """Work that fails two times, and then does not."""
    failures = iter([Torn("1"), Torn("2")])

    def work() -> str:
        if (failure := next(failures, None)) is not None:
            raise failure
        return "done"

    return work


def torn() -> str:
    raise Torn("always")


@contextmanager
def _signals_as_before() -> Iterator[None]:
    kept = {name: list(getattr(signals, name).receivers) for name in signals.__all__}
    try:
        yield
    finally:
        for name, receivers in kept.items():
            getattr(signals, name).receivers[:] = receivers
            getattr(signals, name).sender_receivers_cache.clear()


def with_celery(hooked: bool) -> list[object]:
    ended: list[object] = []
    with _signals_as_before():
        if hooked:
            watch_celery()
        for work in (torn_twice(), torn):
            app, tries = Celery("t", broker="memory://", set_as_current=False), list[int]()

            def task(self: Any, work: Callable[[], str] = work, tries: list[int] = tries) -> str:
                tries.append(self.request.retries)
                return work()

            how = {"bind": True, "shared": False, "max_retries": 2, "default_retry_delay": 0}
            result = app.task(task, autoretry_for=(Torn,), **how).apply()
            ended += [result.state, repr(result.result), tries]
    return ended


def with_dramatiq(hooked: bool) -> list[object]:
    broker = StubBroker()
    if hooked:
        broker.add_middleware(ProblemMiddleware())
    ended: list[object] = []
    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=1)
    worker.start()
    try:
        for number, work in enumerate((torn_twice(), torn)):

            @dramatiq.actor(broker=broker, actor_name="nightly", queue_name=f"q{number}", max_retries=2, min_backoff=1)
            def actor(work: Callable[[], str] = work) -> None:
                ended.append(work())

            actor.send()
            broker.join(actor.queue_name, fail_fast=False, timeout=60_000)
            worker.join()
            broker.actors.pop("nightly")
            ended.append([message.options["retries"] for message in broker.dead_letters])
    finally:
        worker.stop()
    return ended


def with_apscheduler(hooked: bool) -> list[object]:
    scheduler, ended, over = BackgroundScheduler(), list[object](), threading.Semaphore(0)
    if hooked:
        watch_scheduler(scheduler)

    def note(event: Any) -> None:
        ended.append(event.code)
        over.release()

    scheduler.add_listener(note, EVENT_JOB_ERROR | EVENT_JOB_EXECUTED)
    scheduler.start()
    try:
        for work in (lambda: "done", torn):
            scheduler.add_job(work, run_date=datetime.now(), misfire_grace_time=None, name="nightly")
            assert over.acquire(timeout=60)
    finally:
        scheduler.shutdown()
    return ended


def with_arq(hooked: bool) -> list[object]:
    async def nightly(ctx: dict[str, Any], work: Callable[[], str]) -> str:
        try:
            return work()
        except Torn as error:
            raise Retry(defer=1) from error

    settings: dict[str, Any] = {"functions": [nightly], "max_tries": 3}
    if hooked:
        watch_arq(settings)
    function = getattr(settings["functions"][0], "coroutine", nightly)
    ended: list[object] = []
    for work in (torn_twice(), torn):
        for attempt in (1, 2, 3):
            try:
                ended.append(asyncio.run(function({"job_try": attempt, "job_id": "7"}, work)))
            except Retry as retry:
                ended.append((repr(retry), repr(retry.__cause__)))
    return ended


def with_flask(hooked: bool) -> list[object]:
    app = Flask("nightly")
    app.logger.disabled = True
    app.add_url_rule("/well", view_func=lambda: "well", endpoint="well")
    app.add_url_rule("/torn", view_func=torn, endpoint="torn")
    app.add_url_rule("/gone", view_func=lambda: abort(410), endpoint="gone")
    app.add_url_rule("/said", view_func=lambda: abort(500, "so I say"), endpoint="said")
    if hooked:
        watch_flask(app)
    asking = app.test_client()
    answers = [asking.get(path) for path in ("/well", "/gone", "/said", "/torn")]
    return [*((answer.status_code, answer.data) for answer in answers[:3]), answers[3].status_code]


RETRIED = ["started", "retrying", "retrying", "started", "retrying", "retrying", "started", "done"]
USED_UP = [*RETRIED[:6], "started", MAX_RETRIES, "failed"]

# what runs, and what is told of it when the bus is well
FRAMEWORKS: dict[str, tuple[Callable[[bool], list[object]], list[str]]] = {
    "celery": (with_celery, [*RETRIED, *USED_UP]),
    "dramatiq": (with_dramatiq, [*RETRIED, *USED_UP]),
    "apscheduler": (with_apscheduler, ["e.p.me.torn", "failed"]),
    "arq": (with_arq, [*RETRIED, *USED_UP]),
    "flask": (with_flask, ["e.p.me.torn"]),
}


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("a fault of our own")


def well(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk.init("k:1")


def before_init(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    return None


def no_address(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk.init()


def bus_fails(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.failure = RuntimeError("a fault of the bus")
    sdk.init("k:1")


def closed(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk.init("k:1")
    sdk.close()


def faults_of_ours(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk.init("k:1")
    for name in ("begin", "fail", "end"):
        monkeypatch.setattr(jobs.Run, name, broken)
    monkeypatch.setattr(client, "reported", broken)
    monkeypatch.setattr(sdk, "current_trace", broken)


# what happens before, and whether anything is told then
BUSES = {
    "a bus that is well": (well, True),
    "before init": (before_init, False),
    "without an address": (no_address, False),
    "a bus that fails": (bus_fails, False),
    "after close": (closed, False),
    "faults of our own": (faults_of_ours, False),
}


@pytest.mark.parametrize("bus", BUSES, ids=list(BUSES))
@pytest.mark.parametrize("framework", FRAMEWORKS, ids=list(FRAMEWORKS))
def test_it_is_as_if_we_were_not_there(
    framework: str, bus: str, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, told = FRAMEWORKS[framework]
    prepare, hears = BUSES[bus]
    without = run(False)
    prepare(memory, monkeypatch)
    assert run(True) == without
    assert story(memory) == (told if hears else [])
