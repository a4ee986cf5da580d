"""Rows of the time-out rules: replies that are expected, how long they usually take, when nothing could be heard."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class ExpectationRow(Struct, frozen=True, array_like=True, tag="expectation", gc=False):
    """`expectation/<tenant>/<thread id>`: a message was sent and its reply has not come; the timer is the time-out.

    watching: without a time-out, to learn whether and when a reply comes; waiting: with one; retrying: a retry was
    advised and not seen yet; given_up: only kept to learn from a late reply; answered: only kept to know again what is
    handed in twice. `opened_by` is the activity (or the command) that it follows from, `heard` the activities that
    showed the latest messages, `heard_at` when the last one was recorded; `waits` how often the choice was to wait
    longer, `attempt` the latest try that was seen or advised (the first message is 1), `resent` whether one was seen:
    then nobody can say which one a reply answers. `granted` is the grace already given for times in which nothing could
    be heard.
    """

    tenant: str
    thread_id: str
    message_id: str | None
    message_type: str
    sent_at: int
    opened_by: str
    waits: int = 0
    attempt: int = 1
    resent: bool = False
    granted: int = 0
    connection: str | None = None
    state: Literal["watching", "waiting", "retrying", "given_up", "answered"] = "watching"
    traceparent: str | None = None
    heard: tuple[str, ...] = ()
    heard_at: int = 0


class LatencyRow(Struct, frozen=True, array_like=True, tag="latency", gc=False):
    """`latency/<tenant>/<message type>`: how long replies took: `count` of them ever, the recent ones in `buckets`
    (pairs of bucket and count, see rules.timeouts.quantile); `unanswered` of its messages got none."""

    count: int
    last_seen: int
    buckets: tuple[tuple[int, int], ...] = ()
    unanswered: int = 0


class GapsRow(Struct, frozen=True, array_like=True, tag="gaps", gc=False):
    """`gaps`: spans (start, end; microseconds) in which this partition heard nothing although it should have."""

    spans: tuple[tuple[int, int], ...] = ()
