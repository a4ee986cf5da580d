"""Celery: `watch_celery()` in the module of the application, after `sdk.init(...)`; it serves workers and whoever calls
tasks.

A task is a job: its start, its retries, its end, and a problem when it has failed for good. Of a task its name, id and
queue are told, its arguments never. The trace (`traceparent`) travels in the headers of the message. When a worker sets
up its logging Celery takes all handlers from the root logger: each ProblemHandler is put back.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

from celery import Task, signals
from celery.exceptions import MaxRetriesExceededError, TimeLimitExceeded

from tocsin.connectors import logs, sdk
from tocsin.connectors.hooks.harmless import harmless
from tocsin.connectors.jobs import Run, Telling

RUN = "__tocsin_run__"
"""The attribute of a request (of one attempt) that holds its run."""
MAX_TOO_LONG = 256
"""How many tasks that took too long are remembered."""
REQUESTS = "celery.worker.request"
"""It logs time limits as well: they are told as failures of their tasks."""
LOGGERS = ("celery.app.trace", REQUESTS)
SET_UP = ("after_setup_logger", "after_setup_task_logger")
BEFORE_SET_UP = ("celeryd_init", "worker_init", "celeryd_after_setup", "worker_before_create_process")
"""Signals after which Celery has taken the handlers from a logger; and those, in the parent, before it does."""

_OUTCOMES = {None: "cancelled", "IGNORED": "ignored", "REJECTED": "rejected"}
"""How a task ended that neither is done nor failed, by its state; without one the process was told to end."""


def watch_celery(*, tell_runs: bool = True, tell_retries: bool = False) -> None:
    """From now on tasks that fail for good in this process, or in those forked from it, are problems. `tell_runs`:
    whether starts and ends are told, too. `tell_retries`: whether a failure after which Celery tries again is a problem
    already. Called again, it holds what was said last."""
    hook = _Hook(Telling(runs=tell_runs, retries=tell_retries))
    for name in ("before_task_publish", "task_prerun", "task_retry", "task_failure", "task_postrun", "task_revoked"):
        _connect(name, getattr(hook, name))
    _connect("worker_process_init", _start)
    for name in ("worker_process_shutdown", "worker_shutdown"):
        _connect(name, _flush)  # a process of the pool ends without Python's own end
    logs.HOOKED.update(dict.fromkeys(LOGGERS, _was_heard))
    listening = _Listening()
    for name in SET_UP:
        _connect(name, listening.put_back)
    for name in BEFORE_SET_UP:
        _connect(name, listening.remember)


def _connect(name: str, receiver: Any) -> None:
    signal = getattr(signals, name)
    signal.disconnect(dispatch_uid=f"tocsin.{name}")
    signal.connect(receiver, weak=False, dispatch_uid=f"tocsin.{name}")


@harmless
def _start(**_: Any) -> None:
    """It stands in for one that was killed, perhaps: what that left in the spool is sent now."""
    if (publisher := sdk.publisher()) is not None:
        publisher.start()


@harmless
def _flush(**_: Any) -> None:
    sdk.flush()


class _Listening:
    """The ProblemHandlers of the root logger. Those of other loggers are left alone by Celery, as are these where
    `worker_hijack_root_logger` is off; but what tasks log does not come to the root in either case."""

    def __init__(self) -> None:
        self._handlers: dict[logs.ProblemHandler, None] = {}
        self._remember()

    @harmless
    def remember(self, **_: Any) -> None:
        self._remember()

    @harmless
    def put_back(self, logger: logging.Logger, **_: Any) -> None:
        self._remember()
        if logger is logging.getLogger() or not logger.propagate:
            for handler in self._handlers:
                logger.addHandler(handler)

    def _remember(self) -> None:
        found = [one for one in logging.getLogger().handlers if isinstance(one, logs.ProblemHandler)]
        self._handlers.update(dict.fromkeys(found))


class _Hook:
    """Receivers of the signals that they are named after."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._too_long: deque[str] = deque(maxlen=MAX_TOO_LONG)

    @harmless
    def before_task_publish(self, headers: dict[str, Any] | None = None, **_: Any) -> None:
        for name, value in sdk.current_trace().items() if headers is not None else ():
            headers.setdefault(name, value)  # type: ignore[union-attr]

    @harmless
    def task_prerun(self, task: Task, task_id: str, **_: Any) -> None:
        request = task.request
        run = self._run(task, task_id, request.delivery_info)
        if request.retries or getattr(task, "autoretry_for", ()):
            run.counted(*_count(task))
        setattr(request, RUN, run)
        run.begin(getattr(request, "traceparent", None), getattr(request, "tracestate", None))

    @harmless
    def task_retry(self, sender: Task, reason: Any, **_: Any) -> None:
        run = getattr(sender.request, RUN, None)
        if isinstance(run, Run):
            run.counted(*_count(sender))
            run.fail(reason.exc if isinstance(reason.exc, BaseException) else reason, again=True)

    @harmless
    def task_failure(self, sender: Task, task_id: str, exception: BaseException, **_: Any) -> None:
        run = getattr(sender.request, RUN, None)
        expected = isinstance(exception, tuple(sender.throws or ()))
        if isinstance(run, Run):
            if isinstance(exception, MaxRetriesExceededError):
                run.counted(sender.request.retries + 1, sender.request.retries + 1)
            run.fail(exception, again=False, expected=expected)
            return
        # Not where it ran, but in the process that is over the pool: its process was killed, or took too long, which
        # Celery says twice.
        if isinstance(exception, TimeLimitExceeded):
            if task_id in self._too_long:
                return
            self._too_long.append(task_id)
        run = self._run(sender, task_id, None)
        with sdk.within(job=run.name):
            run.fail(exception, again=False, expected=expected)
        run.end()

    @harmless
    def task_postrun(self, task: Task, state: str | None = None, **_: Any) -> None:
        run = getattr(task.request, RUN, None)
        if isinstance(run, Run):
            delattr(task.request, RUN)
            run.end(_OUTCOMES.get(state))

    @harmless
    def task_revoked(self, sender: Task, request: Any, terminated: bool, expired: bool, **_: Any) -> None:
        outcome = "expired" if expired else "terminated" if terminated else "revoked"
        run = self._run(sender, request.id, None)
        with sdk.traced(getattr(request, "traceparent", None), getattr(request, "tracestate", None)):
            run.give_up(getattr(request, "retries", None) or 0, f"its next attempt was {outcome}")
        run.end(outcome)

    def _run(self, task: Task, task_id: str, delivery: dict[str, Any] | None) -> Run:
        queue = (delivery or {}).get("routing_key")
        return Run(str(task.name), run_id=task_id, about={"queue": queue} if queue else None, telling=self._telling)


def _was_heard(record: logging.LogRecord) -> bool:
    """Celery wraps some in another, which has them as `exc`. Time limits it logs without an exception."""
    error = logs.error_of(record)
    if error is None:
        return (record.name, record.funcName) == (REQUESTS, "on_timeout")
    return logs.was_heard(error) or logs.was_heard(getattr(error, "exc", None))


def _count(task: Task) -> tuple[int, int | None]:
    """Which attempt it is, and of how many: 0 and None retries are as many as nobody counts."""
    return (task.request.retries or 0) + 1, task.max_retries + 1 if task.max_retries else None
