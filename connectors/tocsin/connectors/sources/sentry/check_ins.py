"""Check-ins of Sentry's monitors: a job that starts or ends is an activity; one that fails is a problem, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.publish import InboxEvent, Origin, problem, problem_reported
from tocsin.connectors.sources.sentry.lenient import text_of
from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.schemas.problem import Item, Source

FAILED = "e.p.me.job-failed"
"""The code of a job whose check-in says that it failed."""
OUTCOMES = {"ok": "done", "error": "failed"}
"""What became of a job, by the status of its check-in; one of another status has begun."""
MAX_NAME = 200


class CheckInMembers(msgspec.Struct):
    """What is read of a check-in."""

    check_in_id: Any = None
    monitor_slug: Any = None
    status: Any = None
    duration: Any = None
    environment: Any = None
    release: Any = None


def events_of_check_in(
    check_in: dict[str, Any], at: str, origin: Origin, now: int, service: str, ident: Callable[..., str]
) -> tuple[InboxEvent, ...]:
    """What a check-in at the pointer `at` means; `ident` makes the id of an event of what tells it from others. Raises
    Unreadable for one that names no monitor."""
    said = {name: text_of(value, MAX_NAME) for name, value in check_in.items()}
    if not said["check_in_id"].strip("0-"):  # all zero: "the last one", which names no run
        said["check_in_id"] = ""
    job, run, outcome = said["monitor_slug"], said["check_in_id"], OUTCOMES.get(said["status"])
    if not job:
        raise Unreadable(UnreadableReason.MISSING_MEMBER, f"{at}/monitor_slug", "the name of a monitor")
    detail = {"run": run, "outcome": outcome, "seconds": said["duration"], "environment": said["environment"]}
    activity = ActivityObserved(
        event_id=ident(run, said["status"]),
        tenant=origin.tenant,
        occurred_at=now,
        recorded_at=now,
        traceparent=origin.traceparent,
        kind=ActivityKind.JOB_FINISHED if outcome else ActivityKind.JOB_STARTED,
        job=job,
        detail={name: value for name, value in detail.items() if value},
    )
    if outcome != "failed":
        return (activity,)
    told = [
        Item(key=name, value=value)
        for name in ("check_in_id", "duration", "environment", "release")
        if (value := said[name])
    ]
    source = Source(service=service, job=job)
    failed = problem(FAILED, text=f"The job {job} failed", items=told, source=source)
    origin = msgspec.structs.replace(origin, event_id=ident(run, said["status"], "problem"))
    return activity, problem_reported(failed, origin, now=now)
