"""What every process's metrics have."""

from __future__ import annotations

import sys

import pytest

from tocsin.streams.settings import Settings
from tocsin.streams.telemetry.registry import process_meters, release


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
