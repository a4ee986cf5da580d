"""arq: `@watch_arq` above the class of the worker's settings, after `sdk.init(...)`.

    @watch_arq
    class WorkerSettings:
        functions = [send]

A job is told when it starts, when it is tried again (`Retry`, a shutdown) and when it ends, and is a problem when it
has failed for good. Its arguments are never told. arq has no headers: no trace goes with a job.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar, overload

from arq import Retry
from arq.cron import CronJob
from arq.worker import Function, RetryJob, func

from tocsin.connectors import logs
from tocsin.connectors.hooks.harmless import harmless
from tocsin.connectors.jobs import Run, Telling

LOGGER = "arq.worker"
USUAL_TRIES, USUAL_TIMEOUT = 5, 300.0
"""What holds where the settings say nothing: how often a job is tried, and how many seconds it may take."""
CLOCK = 0.01
"""Seconds by which a timer of asyncio may be early."""

Settings = TypeVar("Settings")


@overload
def watch_arq(settings: Settings) -> Settings: ...
@overload
def watch_arq(*, tell_runs: bool = True, tell_retries: bool = False) -> Callable[[Settings], Settings]: ...
def watch_arq(settings: Any = None, *, tell_runs: bool = True, tell_retries: bool = False) -> Any:
    """The settings (a class, or a dict of them), whose functions and cron jobs tell of themselves from now on.
    `tell_runs`: whether starts and ends are told, too. `tell_retries`: whether a failure after which arq tries again is
    a problem already."""
    if settings is None:
        return functools.partial(watch_arq, tell_runs=tell_runs, tell_retries=tell_retries)
    said = settings if isinstance(settings, dict) else vars(settings)
    watching = _Watching(said, Telling(runs=tell_runs, retries=tell_retries))
    for name, read in (("functions", func), ("cron_jobs", lambda one: one)):
        if name not in said:
            continue
        watched = [watching.watched(read(one)) for one in said[name] or ()]
        settings.__setitem__(name, watched) if isinstance(settings, dict) else setattr(settings, name, watched)
    logs.HOOKED[LOGGER] = _was_heard
    return settings


class _Watching:
    """How the functions of one worker are watched."""

    def __init__(self, settings: Mapping[str, Any], telling: Telling) -> None:
        self._tries = settings.get("max_tries") or USUAL_TRIES
        self._retries = settings.get("retry_jobs", True)
        self._aborts = settings.get("allow_abort_jobs", False)
        self._timeout = _seconds(settings.get("job_timeout") or USUAL_TIMEOUT)
        self._telling = telling

    def watched(self, function: Any) -> Any:
        """The Function or CronJob, told of when it runs."""
        assert isinstance(function, Function | CronJob)
        coroutine: Callable[..., Any] = function.coroutine

        @functools.wraps(coroutine)
        def told(ctx: dict[Any, Any], *arguments: Any, **named: Any) -> Coroutine[Any, Any, Any]:
            began = time.monotonic()  # here, and not where it first runs: from now on arq measures its time

            async def running() -> Any:
                run = self._run(function, ctx)
                harmless(run.begin)()
                try:
                    return await coroutine(ctx, *arguments, **named)
                except BaseException as error:
                    harmless(self._fail)(run, function, error, time.monotonic() - began, ctx)
                    raise
                finally:
                    harmless(run.end)()

            return running()

        return replace(function, coroutine=told)

    def _run(self, function: Function | CronJob, ctx: Mapping[Any, Any]) -> Run:
        run = Run(function.name, run_id=str(ctx.get("job_id") or "") or None, telling=self._telling)
        tries = self._tries_of(function)
        if tries > 1 and isinstance(ctx.get("job_try"), int):
            run.counted(ctx["job_try"], tries)
        return run

    def _fail(
        self, run: Run, function: Function | CronJob, error: BaseException, took: float, ctx: Mapping[Any, Any]
    ) -> None:
        logs.note_heard(error)
        left = ctx.get("job_try", 1) < self._tries_of(function)
        if isinstance(error, Retry | RetryJob):
            # arq does put it into the queue once more after the last try, but then gives it up without running it.
            run.fail(error.__cause__ or error.__context__ or error, again=bool(self._retries and left))
        elif not isinstance(error, asyncio.CancelledError):
            run.fail(error, again=False)
        elif took + CLOCK >= (function.timeout_s or self._timeout):  # who ran out of time is cancelled, and has failed
            run.fail(TimeoutError(f"the job took longer than {function.timeout_s or self._timeout:g} s"), again=False)
        elif self._retries and not self._aborts:  # the worker is shut down
            run.fail(error, again=bool(left))
        else:
            run.cancel()

    def _tries_of(self, function: Function | CronJob) -> int:
        return self._tries if function.max_tries is None else function.max_tries


def _was_heard(record: logging.LogRecord) -> bool:
    """arq makes the TimeoutError itself, of the cancellation that the function has heard."""
    error = logs.error_of(record)
    return logs.was_heard(error) or (isinstance(error, TimeoutError) and logs.was_heard(error.__cause__))


def _seconds(said: float | timedelta) -> float:
    return said.total_seconds() if isinstance(said, timedelta) else float(said)
