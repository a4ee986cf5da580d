"""What a delivery is sent again for: its letter was replayed, or its endpoint lost what it had (`replay` counts on).

A request comes with the number of its replay; 0 is the first sending. What it means depends on what is remembered:

| remembered | the same number or a lower one | a higher number |
| --- | --- | --- |
| nothing | sent | sent |
| done | absorbed | sent anew, at the end of its lane |
| dead | sent anew: that is how a dead letter is replayed | sent anew |
| held, parked, or waiting for its retry | absorbed | that sending is the replay: marked, the whole schedule before it |
| in flight | absorbed | when that attempt ends it is sent anew, in its turn: the attempt was made before it was asked |

A new life has the whole schedule and all the time of its endpoint (`exhausted_after`); its attempts are numbered on,
so that no late outcome of an earlier one is taken for one of its own.
"""

from __future__ import annotations

from msgspec.structs import replace

from tocsin.schemas.events import DeliveryRequested, EndpointCommand
from tocsin.streams.rules.answers import Answer, done, refused
from tocsin.streams.rules.delivery.deliveries import Deliveries
from tocsin.streams.rules.state import DeliveryRow, FinishedRow


def taken_up(deliveries: Deliveries, request: DeliveryRequested) -> DeliveryRow | None:
    """The row of a delivery that is to be sent by this request, now or in its turn; None when it is a repeat, or when
    the delivery that is under way already stands for it."""
    key = deliveries.pending.key(request.delivery_id)
    pending = deliveries.pending.get(key)
    if pending is not None:
        if request.replay > max(pending.replay, pending.again):
            again = replace(pending, again=request.replay)
            deliveries.pending.replace(key, again if pending.state == "in_flight" else renewed(again, deliveries.now))
        return None
    ended = deliveries.finished.get(key)
    if ended is not None and ended.state == "done" and request.replay <= ended.replay:
        return None
    return _row(request, deliveries.now, ended or FinishedRow("dead", 0, 0))


def renewed(row: DeliveryRow, now: int) -> DeliveryRow:
    """The row with the replay that was asked for meanwhile, if one was: its next attempt is the first of a new life,
    whose time begins `now` (microseconds)."""
    if not row.again:
        return row
    return replace(row, replay=row.again, again=0, earlier=row.attempt, enqueued_at=now)


def replay_noted(deliveries: Deliveries, command: EndpointCommand) -> Answer:
    """The answer to a command to replay: whoever issued it reads the log and writes the requests; here it is only said
    whether they will be heard."""
    if command.since is None or command.until is None or command.since >= command.until:
        return refused("a replay has a time: since, and until after it")
    status = deliveries.state().status
    if status != "enabled":
        return refused(f"it is {status}: enable it first")
    return done("on record; whoever asked writes what is sent again")


def _row(request: DeliveryRequested, now: int, ended: FinishedRow) -> DeliveryRow:
    return DeliveryRow(
        request.delivery_id,
        request.endpoint,
        request.tenant,
        request.event_id,
        request.lane,
        request.case,
        request.about,
        request.content_type,
        request.body,
        max(request.replay, ended.replay),
        request.occurred_at,
        now,
        request.cause,
        request.traceparent,
        attempt=ended.attempt,
        earlier=ended.attempt,
        tracestate=request.tracestate,
        peer=request.peer,
        own=request.own,
        connection=request.connection,
        published_at=request.published_at,
    )
