"""What all processes check before they begin."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading

import pytest

from tocsin.streams.engine.garbage import IN_REQUESTS
from tocsin.streams.processes import lifecycle
from tocsin.streams.processes.dispatch import run_dispatch_process
from tocsin.streams.processes.kafka import ServiceUnreachable
from tocsin.streams.processes.lifecycle import RunProcess, check_host, on_hangup
from tocsin.streams.processes.worker import run_worker_process
from tocsin.streams.settings import Settings, SettingsInvalid


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_names_the_variable(host: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"TOCSIN_HOST: cannot listen on '{host}'"):
        check_host(Settings(host=host))


def test_an_address_of_this_machine_is_fine() -> None:
    check_host(Settings(host="127.0.0.1"))


@pytest.mark.parametrize("run", [run_worker_process, run_dispatch_process])
async def test_a_hangup_ends_nothing_from_the_start(run: RunProcess) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with pytest.raises(ServiceUnreachable):
            await run(Settings(bootstrap=None), asyncio.Event(), print)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_hangup_is_handled_while_the_loop_waits() -> None:
    before, called = signal.getsignal(signal.SIGHUP), asyncio.Event()
    try:
        with on_hangup(called.set):
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGHUP)).start()
            await asyncio.wait_for(called.wait(), 60)
    finally:
        signal.signal(signal.SIGHUP, before)


THRESHOLDS: list[int] = []


async def looks_at_its_garbage(settings: Settings, stop: asyncio.Event, on_ready: lifecycle.OnReady) -> None:
    THRESHOLDS.append(gc.get_threshold()[0])


def test_a_process_looks_for_cycles_less_often_than_python_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before = gc.get_threshold()
    monkeypatch.setattr(lifecycle, "set_up_logging", lambda *_: None)
    monkeypatch.setitem(lifecycle.PROCESSES, "looking", f"{__name__}:{looks_at_its_garbage.__name__}")
    lifecycle.run_process("looking", Settings(bootstrap="127.0.0.1:1"), print)
    assert THRESHOLDS == [IN_REQUESTS]
    assert gc.get_threshold() == before
