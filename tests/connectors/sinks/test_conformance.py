"""The checks that we ship are worth something: each finds the sink that does not hold it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import IO, Any

import pytest
from msgspec.structs import replace

from tests.connectors.sinks.counterparts.memory import List
from tocsin.connectors.conformance import CHECKS, NotConforming
from tocsin.connectors.conformance import checks as checks_module
from tocsin.connectors.sinks import Delivered, Reason, RetryLater, Sink, SinkOutcome
from tocsin.connectors.sinks.memory import MemorySink
from tocsin.schemas.events import DeliveryAttempt


class Faulty(List):
    """A list in which the sink is at fault: `fault` stands in the place of its `deliver`."""

    def __init__(self, fault: Callable[[MemorySink, DeliveryAttempt], Any], **said: Any) -> None:
        self._fault = fault
        for name, value in said.items():
            setattr(self, name, value)

    def sink(self) -> Sink:
        sink = super().sink()
        assert isinstance(sink, MemorySink)
        fault, right = self._fault, MemorySink.deliver

        async def deliver(attempt: DeliveryAttempt) -> SinkOutcome:
            outcome = fault(sink, attempt)
            if asyncio.iscoroutine(outcome):
                outcome = await outcome
            if isinstance(outcome, DeliveryAttempt):
                return await right(sink, outcome)
            return outcome  # type: ignore[no-any-return]

        sink.deliver = deliver  # type: ignore[method-assign]
        return sink

    async def turn(self, failure: str | None) -> None:
        self.failure = failure


async def _forever(sink: MemorySink, attempt: DeliveryAttempt) -> DeliveryAttempt:
    if attempt.content_type == "":
        await asyncio.sleep(3600)
    return attempt


async def _stubborn(sink: MemorySink, attempt: DeliveryAttempt) -> DeliveryAttempt:
    try:
        await asyncio.sleep(0.3)
    except asyncio.CancelledError:
        raise ValueError from None
    return attempt


def _with_a_thread(sink: MemorySink, attempt: DeliveryAttempt) -> DeliveryAttempt:
    threading.Thread(target=threading.Event().wait, args=(40,), daemon=True).start()
    return attempt


def _with_a_task(sink: MemorySink, attempt: DeliveryAttempt) -> DeliveryAttempt:
    vars(sink).setdefault("tasks", []).append(asyncio.create_task(asyncio.sleep(3600)))
    return attempt


def _with_a_file(sink: MemorySink, attempt: DeliveryAttempt) -> DeliveryAttempt:
    KEPT.append(open("/dev/null"))  # noqa: SIM115
    return attempt


def _telling(sink: MemorySink, attempt: DeliveryAttempt) -> DeliveryAttempt:
    logging.getLogger("somewhere").debug("keep is %s", sink.config.keep)
    return attempt


KEPT: list[IO[str]] = []
AWAY = {"failures": {"away": Reason.CONNECT_FAILED}, "never": {"hangs": "it does not"}}

# the check that fails -> the fault, and what else the counterpart says
FAULTS: list[tuple[str, str, Faulty]] = [
    ("another body", "delivers what it was given", Faulty(lambda sink, one: replace(one, body=one.body + b" "))),
    ("nothing", "delivers what it was given", Faulty(lambda sink, one: Delivered())),
    ("a new id each time", "repeats are known by their id",
     Faulty(lambda sink, one: replace(one, delivery_id=f"{one.delivery_id}{one.attempt}"))),
    ("an error for an odd attempt", "any attempt ends", Faulty(lambda sink, one: one.content_type[0] and one)),
    ("no outcome", "any attempt ends", Faulty(lambda sink, one: None)),
    ("a reason of its own", "any attempt ends", Faulty(lambda sink, one: RetryLater(reason="tired"))),  # type: ignore[arg-type]
    ("hanging", "any attempt ends", Faulty(_forever)),
    ("delivered when it is away", "every failure is an outcome", Faulty(lambda sink, one: one, **AWAY)),
    ("another reason", "every failure is an outcome",
     Faulty(lambda sink, one: RetryLater(reason=Reason.SINK_FAILED), **AWAY)),
    ("no failure is shown", "every failure is an outcome", Faulty(lambda sink, one: one, never={})),
    ("an error when it is cancelled", "a cancelled attempt leaves nothing", Faulty(_stubborn)),
    ("a thread each time", "a cancelled attempt leaves nothing", Faulty(_with_a_thread)),
    ("a task each time", "a cancelled attempt leaves nothing", Faulty(_with_a_task)),
    ("a file each time", "a cancelled attempt leaves nothing", Faulty(_with_a_file)),
    ("its secret in the log", "secrets are seen nowhere", Faulty(_telling, secrets=("1000",))),
]  # fmt: skip


@pytest.mark.parametrize(("check", "other"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
async def test_a_fault_is_found(check: str, other: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_module, "PATIENCE", 0.5)
    monkeypatch.setattr(checks_module, "SETTLED_WITHIN", 5)
    before = asyncio.all_tasks()
    async with other:
        with pytest.raises(NotConforming):
            await CHECKS[check](other)
    for file in KEPT:
        file.close()
    for task in asyncio.all_tasks() - before:
        task.cancel()


def test_every_check_is_seen_to_fail() -> None:
    assert {check for _, check, _ in FAULTS} | {"wrong settings are refused"} == CHECKS.keys()
