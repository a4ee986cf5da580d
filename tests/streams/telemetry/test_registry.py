"""What every process's metrics have."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import structlog
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, NotCoordinatorForGroupError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from structlog.testing import capture_logs

from tocsin.streams.settings import Settings
from tocsin.streams.telemetry import registry
from tocsin.streams.telemetry.registry import count_unhandled, process_meters, release


def test_the_release_and_the_bus_are_told() -> None:
    settings = Settings(prefix="other-bus.")
    samples = [sample for family in process_meters("worker", settings).registry.collect() for sample in family.samples]
    [build] = [sample for sample in samples if sample.name == "tocsin_build_info"]
    assert build.value == 1
    assert (build.labels["process"], build.labels["version"]) == ("worker", release())
    assert build.labels["bus"] == "other-bus"


@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses is read from /proc")
def test_what_the_process_uses_is_told() -> None:
    names = {sample.name for family in process_meters("gateway").registry.collect() for sample in family.samples}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= names


class _Refused(GroupCoordinator):  # type: ignore[misc]
    """What is asked of a broker that refuses it late: with this error."""

    group_id, generation, member_id, coordinator_id = "g", 1, "m", 0

    def __init__(self, error: type[KafkaError]) -> None:
        self._error = error

    def __del__(self) -> None:
        pass

    async def _send_req(self, request: object) -> None:
        await asyncio.sleep(0)
        raise self._error


async def _commit(error: type[KafkaError]) -> None:
    offsets = {TopicPartition("t", 0): OffsetAndMetadata(1, "")}
    await asyncio.shield(_Refused(error)._do_commit_offsets(None, offsets))


async def _other() -> None:
    async def refused() -> None:
        await asyncio.sleep(0)
        raise NotCoordinatorForGroupError

    await asyncio.shield(refused())


@pytest.mark.parametrize(
    ("waits", "counted"),
    [
        (partial(_commit, NotCoordinatorForGroupError), 0),
        (partial(_commit, GroupAuthorizationFailedError), 1),
        (_other, 1),
    ],
    ids=["a commit that was given up", "a commit that is never allowed", "anything else of Kafka's"],
)
async def test_what_nobody_takes_is_counted(
    waits: Callable[[], Awaitable[None]], counted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as lines:
        monkeypatch.setattr(registry, "log", structlog.get_logger("tocsin.kafka"))
        meters = process_meters("worker")
        count_unhandled(meters)
        task = asyncio.ensure_future(waits())
        await asyncio.sleep(0)
        task.cancel()  # as a time limit does
        for _ in range(5):
            await asyncio.sleep(0)
        del task
        gc.collect()
    assert meters.registry.get_sample_value("tocsin_unhandled_errors_total") == counted
    assert [line["log_level"] for line in lines] == ["warning"] * (1 - counted), "the loop tells of the others"
