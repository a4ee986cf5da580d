"""What every process's metrics have."""

from __future__ import annotations

import sys

import pytest

from tocsin.streams.telemetry.registry import process_registry, release


def test_the_release_is_told() -> None:
    samples = [sample for family in process_registry("worker").collect() for sample in family.samples]
    [build] = [sample for sample in samples if sample.name == "tocsin_build_info"]
    assert build.value == 1
    assert (build.labels["process"], build.labels["version"]) == ("worker", release())


@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses is read from /proc")
def test_what_the_process_uses_is_told() -> None:
    names = {sample.name for family in process_registry("gateway").collect() for sample in family.samples}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= names
