"""Rows of the escalation rules."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class EscalationRow(Struct, frozen=True, array_like=True, tag="escalation", gc=False):
    """`escalation/<tenant>/<case>`: a policy that runs; the timer is its next step.

    `step` is the next to be done (from 0; one past the last: every step of the round is done), `done` how often that
    one was done, `cycle` the round through the policy, `due` when that is to happen, whatever a snooze (`until`) makes
    of it. Acknowledged and ended ones stay until their case is forgotten, or resolved. `problem` is the last one of
    the case, as rules.problem_bytes writes it (clipped); `escalation_uri` is an allowed one; `cause` is the
    EscalationRaised; `traceparent` and, since format 4, `tracestate` are the trace of the report that raised it.
    """

    tenant: str
    case: str
    policy: str
    report: str
    raised_at: int
    step: int = 0
    done: int = 0
    cycle: int = 0
    status: Literal["running", "acknowledged", "snoozed", "ended"] = "running"
    until: int | None = None
    problem: bytes = b""
    escalation_uri: str | None = None
    tracking_uri: str | None = None
    cause: str | None = None
    traceparent: str | None = None
    due: int = 0
    tracestate: str | None = None
