"""APScheduler 3: `watch_scheduler(scheduler)`, after `sdk.init(...)`.

A job that fails is a problem; one that did not run, because its time had passed or because too many of it ran already,
a warning. APScheduler tells of ends only: `@job` around the function tells of its start and progress, too.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from datetime import datetime

from apscheduler.events import (
    EVENT_JOB_ADDED,
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
)
from apscheduler.schedulers.base import BaseScheduler

from tocsin.connectors import logs, sdk
from tocsin.connectors.hooks.harmless import harmless
from tocsin.connectors.jobs import Run

LOGGER, RUNNING = "apscheduler.executors", ("run_job", "run_coroutine_job")
"""Where it logs that a job failed, before it tells its listeners. What else fails there, it tells in its log alone."""
MAX_NAMES = 1024
"""Of how many jobs the names are remembered: one that runs once is gone when its end is told."""

_MISSED = ("w.p.me.job.missed", "The job did not run: its time had passed by more than its misfire_grace_time")
_TOO_MANY = ("w.p.me.job.max-instances", "The job did not run: as many of it as may run at a time did already")


def watch_scheduler(scheduler: BaseScheduler) -> None:
    """From now on jobs of this scheduler that fail, or do not run when they should, are problems."""
    hook = _Hook(scheduler)
    scheduler.add_listener(hook.remember, EVENT_JOB_ADDED)
    scheduler.add_listener(hook.tell_error, EVENT_JOB_ERROR)
    scheduler.add_listener(hook.tell_missed, EVENT_JOB_MISSED)
    scheduler.add_listener(hook.tell_too_many, EVENT_JOB_MAX_INSTANCES)
    logs.HOOKED[LOGGER] = logs.logged_in(*RUNNING)


class _Hook:
    """Listeners of one scheduler."""

    def __init__(self, scheduler: BaseScheduler) -> None:
        self._scheduler = scheduler
        self._names: OrderedDict[str, str] = OrderedDict()
        for job in scheduler.get_jobs():
            self._names[job.id] = job.name

    @harmless
    def remember(self, event: JobEvent) -> None:
        self._names.pop(event.job_id, None)
        self._names[event.job_id] = self._name(event)
        while len(self._names) > MAX_NAMES:
            self._names.popitem(last=False)

    @harmless
    def tell_error(self, event: JobEvent) -> None:
        run = Run(self._name(event), about=_about(event, event.scheduled_run_time))
        if isinstance(event.exception, asyncio.CancelledError):  # the scheduler was shut down meanwhile
            run.end("cancelled")
            return
        with sdk.within(job=run.name):
            run.fail(event.exception)
        run.end()

    @harmless
    def tell_missed(self, event: JobEvent) -> None:
        self._warn(event, *_MISSED, event.scheduled_run_time)

    @harmless
    def tell_too_many(self, event: JobEvent) -> None:
        self._warn(event, *_TOO_MANY, event.scheduled_run_times[0])

    def _warn(self, event: JobEvent, code: str, text: str, due: datetime) -> None:
        from tocsin.connectors.publish.reporting import problem
        from tocsin.schemas.problem import Item, Severity

        items = [Item(key=key, value=value) for key, value in _about(event, due).items()]
        noticed_at = time.time_ns() // 1000
        made = problem(code, text=text, items=items, severity=Severity.WARNING, noticed_at=noticed_at)
        sdk.capture(made, context={"job": self._name(event)})

    def _name(self, event: JobEvent) -> str:
        """The job's name: that of its function, if it was given none."""
        if event.job_id in self._names:
            return self._names[event.job_id]
        try:
            found = self._scheduler.get_job(event.job_id, event.jobstore)
        except Exception:  # of the database that the jobs are kept in: a failure by its id is better than none
            found = None
        return str(event.job_id if found is None else found.name)


def _about(event: JobEvent, due: datetime) -> dict[str, str]:
    return {"job_id": event.job_id, "due": due.isoformat()}
