"""What failed, was to be tried again and never was; and what a framework logs of itself, which no hook tells."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import dramatiq
import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from celery import Celery
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import SkipMessage

from tests.connectors.hooks.told import story
from tests.connectors.sdk.conftest import Memory
from tocsin.connectors import logs, sdk
from tocsin.connectors.hooks.apscheduler import watch_scheduler
from tocsin.connectors.hooks.arq import watch_arq
from tocsin.connectors.hooks.celery import _Hook, watch_celery
from tocsin.connectors.hooks.dramatiq import ProblemMiddleware
from tocsin.connectors.jobs import Telling
from tocsin.connectors.logs import ProblemHandler
from tocsin.schemas.problem import MAX_RETRIES

FAILED = ["started", "retrying", "retrying"]


class Aged(dramatiq.Middleware):
    """Gives a message up, before it runs once more, as AgeLimit does when its time has come."""

    def __init__(self, after: int, *, fails: bool) -> None:
        self._after, self._fails = after, fails

    def before_process_message(self, broker: Any, message: Any) -> None:
        if message.options.get("retries", 0) >= self._after:
            if self._fails:
                message.fail()
            raise SkipMessage("too old")


# after how many failures; whether it is rejected; whether ours comes first; what is told
MESSAGES: dict[str, tuple[int, bool, bool, list[str]]] = {
    "rejected before ours": (2, True, False, [*FAILED, *FAILED, MAX_RETRIES, "skipped"]),
    "rejected after ours": (1, True, True, [*FAILED, "started", MAX_RETRIES, "skipped"]),
    "skipped": (1, False, False, [*FAILED, MAX_RETRIES, "skipped"]),
    "never run": (0, True, False, ["skipped"]),
}


@pytest.mark.parametrize(("after", "fails", "first", "told"), MESSAGES.values(), ids=list(MESSAGES))
def test_a_message_that_is_given_up(after: int, fails: bool, first: bool, told: list[str], memory: Memory) -> None:
    sdk.init("k:1")
    broker = StubBroker()
    for one in (ProblemMiddleware(), Aged(after, fails=fails))[:: 1 if first else -1]:
        broker.add_middleware(one)

    @dramatiq.actor(broker=broker, min_backoff=1, max_backoff=1)
    def pay() -> None:
        raise ValueError("torn")

    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=1)
    worker.start()
    try:
        pay.send()
        broker.join("default", fail_fast=False, timeout=60_000)
        worker.join()
    finally:
        worker.stop()
    assert story(memory) == told


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("how", ["expired", "terminated", "revoked"])
def test_a_task_whose_retry_does_not_run(how: str, retries: int, memory: Memory) -> None:
    sdk.init("k:1")
    app = Celery("t", broker="memory://", set_as_current=False)
    task = app.task(watch_jobs, name="pay", shared=False)
    request = SimpleNamespace(id="7", retries=retries)
    _Hook(Telling()).task_revoked(task, request, terminated=how == "terminated", expired=how == "expired")
    assert story(memory) == [*[MAX_RETRIES] * bool(retries), how]


def watch_dramatiq() -> None:
    ProblemMiddleware()


def watch_jobs() -> None:
    watch_arq({"functions": []})


def watch_schedule() -> None:
    watch_scheduler(BackgroundScheduler())


# whose hook; a logger of its framework's
OWN: dict[str, tuple[Callable[[], None], str]] = {
    "celery": (watch_celery, "celery.app.trace"),
    "dramatiq": (watch_dramatiq, "dramatiq.worker.ConsumerThread(default)"),
    "apscheduler": (watch_schedule, "apscheduler.executors.default"),
    "arq": (watch_jobs, "arq.worker"),
}


@pytest.fixture
def handler() -> Iterator[ProblemHandler]:
    made = ProblemHandler()
    logging.getLogger().addHandler(made)
    yield made
    logging.getLogger().removeHandler(made)


@pytest.mark.parametrize("framework", OWN, ids=list(OWN))
def test_an_error_of_the_framework_itself_is_told(framework: str, memory: Memory, handler: ProblemHandler) -> None:
    watch, name = OWN[framework]
    sdk.init("k:1")
    watch()
    assert logs.HOOKED
    try:
        raise ConnectionError("the broker is gone")
    except ConnectionError:
        logging.getLogger(name).exception("an unexpected error")
    assert story(memory) == ["e.p.me.connection-error"]


def test_what_a_run_ended_with_is_not_told_again(memory: Memory, handler: ProblemHandler) -> None:
    from tocsin.connectors.jobs import Run

    sdk.init("k:1")
    watch_jobs()
    try:
        raise ConnectionError("away")
    except ConnectionError as error:
        Run("pay").fail(error, again=True)
        logging.getLogger("arq.worker").exception("pay failed")
    assert story(memory) == ["retrying"]
