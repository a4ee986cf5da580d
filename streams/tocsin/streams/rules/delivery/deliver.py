"""What becomes of every delivery: attempted, tried again by the schedule, done or dead; in order within a lane.

At least once: an outcome that is lost leads to the same attempt again, under the same number and event id, after the
lease, which is renewed while the attempt waits for its turn. So the first outcome of an attempt counts and later ones
of the same number are absorbed. One late answer is used: `delivered` for an earlier attempt while the delivery only
waits, because it is true and saves a repeat; not one of an earlier life, which is not what was asked for.
Order: within (endpoint, lane) a delivery is first attempted when the one before it is done or dead. Deliveries without
a lane are independent.
An endpoint that is removed: what is parked for it is dead at once, what is held is dead as its lane goes on, what
waits for a retry is dead when that is due, and what is in flight ends by its outcome.
An endpoint that answers `gone` (410) is disabled at once, as by a command: that delivery is dead, what comes after it
is parked. Only a command enables it again.
A request that comes again is absorbed while its delivery is remembered; a replay is sent anew (replaying.py). What
remains: the same request twice in the log (written again after a crash) of a delivery that died in between is such a
new life, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from tocsin.connectors.outcomes import Reason
from tocsin.schemas.events import (
    DeliveryOutcome,
    DeliveryRequested,
    EndpointCommand,
    EndpointCommandKind,
    Event,
    Outcome,
    Tick,
)
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.answers import DONE, Answer, already, answered, refused
from tocsin.streams.rules.context.threads import clip
from tocsin.streams.rules.decision import Decision
from tocsin.streams.rules.delivery.deliveries import Deliveries, misplaced
from tocsin.streams.rules.delivery.health import note_failure, note_gone, note_removed, note_success
from tocsin.streams.rules.delivery.replaying import renewed, replay_noted, taken_up
from tocsin.streams.rules.delivery.schedule import DeliverConfig, retry_at
from tocsin.streams.rules.state import DeliveryRow, DispatchRow, EndpointRow, LaneRow
from tocsin.streams.rules.state.deliveries import EndpointStatus


def deliver(event: Event, rows: Rows, now: int, config: DeliverConfig) -> list[Decision]:
    """The decisions about one event of `deliveries`; changes `rows`. `now` is its append time in microseconds."""
    match event:
        case DeliveryRequested() | DeliveryOutcome() | EndpointCommand():
            deliveries = Deliveries(rows, now, config, event.endpoint)
            EVENTS[type(event)](deliveries, event)
            return deliveries.decisions
        case Tick():
            return []
        case _:
            return [misplaced(event, event.tenant, "wrong_topic")]


def fire(key: str, rows: Rows, now: int, config: DeliverConfig) -> list[Decision]:
    """The timer of row `key` is due by `now` (microseconds): do what the row is for, or delete it."""
    row = rows.get(key)
    handler = TIMERS.get(type(row))
    if row is None or handler is None:
        rows.delete(key)
        return []
    deliveries = Deliveries(rows, now, config, getattr(row, "endpoint", ""))
    handler(deliveries, key, row)
    return deliveries.decisions


def _request(deliveries: Deliveries, request: DeliveryRequested) -> None:
    """Absorb a repeat; else attempt it, or hold it in its lane."""
    row = taken_up(deliveries, request)
    if row is None:
        return
    now, config = deliveries.now, deliveries.config
    if len(request.body) > config.max_body:
        deliveries.dead_letter(row, "too_large", f"{len(request.body)} bytes, at most {config.max_body}")
        return
    if request.lane is None:
        deliveries.begin(row)
        return
    key = deliveries.lanes.key(request.lane)
    lane = deliveries.lanes.get(key)
    if lane is None:
        if deliveries.begin(row):
            deliveries.lanes.put(key, LaneRow(request.endpoint, request.lane, (request.delivery_id,)), None)
    elif len(lane.queue) > config.hold_count:
        deliveries.dead_letter(row, "held_too_long", f"its lane already holds {config.hold_count}")
    else:
        deliveries.lanes.replace(key, replace(lane, queue=(*lane.queue, request.delivery_id)))
        deliveries.put(row, now + config.hold_limit)


def _outcome(deliveries: Deliveries, outcome: DeliveryOutcome) -> None:
    row = deliveries.pending.find(outcome.delivery_id)
    if row is None or not _counts(outcome, row):
        return
    deliveries.note_progress(row)
    sent_anew = row.again > 0
    row = replace(renewed(row), last_reason=outcome.reason)
    detail = outcome.reason if outcome.status is None else f"{outcome.reason} ({outcome.status})"
    if outcome.outcome is Outcome.DELIVERED:
        note_success(deliveries)
        if sent_anew and deliveries.begin(row):
            return
        if not sent_anew:
            deliveries.finish(row)
    elif outcome.outcome is Outcome.REJECTED and outcome.reason == Reason.GONE:
        if deliveries.state().status == "enabled":
            deliveries.disable()
            note_gone(deliveries)
        deliveries.dead_letter(row, "gone", detail)
    else:
        note_failure(deliveries, detail)
        if outcome.outcome is not Outcome.REJECTED and _wait(deliveries, outcome, row):
            return
        deliveries.dead_letter(row, "rejected" if outcome.outcome is Outcome.REJECTED else "exhausted", detail)
    deliveries.leave_lane(row)


def _counts(outcome: DeliveryOutcome, row: DeliveryRow) -> bool:
    if row.state == "in_flight":
        return outcome.attempt == row.attempt
    delivered = outcome.outcome is Outcome.DELIVERED
    return row.state == "waiting" and delivered and row.earlier < outcome.attempt <= row.attempt


def _wait(deliveries: Deliveries, outcome: DeliveryOutcome, row: DeliveryRow) -> bool:
    """Plan the next attempt; False when the schedule is used up. An outcome of a newer kind counts as retry_later."""
    schedule, made = deliveries.config.schedule, row.attempt - row.earlier
    due = retry_at(schedule, row.delivery_id, made, deliveries.now, outcome.retry_after)
    if due is None:
        return False
    deliveries.put(replace(row, state="waiting"), due)
    return True


def _command(deliveries: Deliveries, command: EndpointCommand) -> None:
    """Enable, disable or remove an endpoint, and answer. A replay is made by whoever reads the log; it is put on record
    here, by its answer."""
    answer = _steer(deliveries, command)
    deliveries.decisions.append(answered(command, command.endpoint, answer, deliveries.now))


def _steer(deliveries: Deliveries, command: EndpointCommand) -> Answer:
    wanted, state, known = WANTED.get(command.kind), deliveries.state(), deliveries.config.endpoints
    if wanted is None and command.kind is not EndpointCommandKind.REPLAY:
        deliveries.decisions.append(misplaced(command, command.endpoint, "command_not_supported"))
        return refused("a command of a newer kind")
    if state.status == "enabled" and wanted != "removed" and known is not None and command.endpoint not in known:
        return refused(f"the rules have no endpoint {clip(command.endpoint)}")
    if wanted is None:
        return replay_noted(deliveries, command)
    if state.status == wanted:
        return already(f"it is {wanted} already")
    if wanted == "disabled":
        deliveries.disable()
    else:
        deliveries.set_status(wanted)
        if wanted == "removed":
            note_removed(deliveries)
        deliveries.catch_up()
    return DONE


def _delivery_due(deliveries: Deliveries, key: str, row: DeliveryRow) -> None:
    """The hold, the retry or the lease of a delivery is over."""
    if row.state == "in_flight":
        _lease_over(deliveries, row)
    elif row.state == "held":
        deliveries.dead_letter(row, "held_too_long")
        deliveries.leave_lane(row)
    elif not deliveries.begin(row):
        deliveries.leave_lane(row)


def _lease_over(deliveries: Deliveries, row: DeliveryRow) -> None:
    """No outcome came: ask for the same attempt again, so that an outcome which is only late still counts; unless it
    waits for its turn, behind what an endpoint takes slower than it comes. While the endpoint is disabled nothing is
    asked for, but the outcome of an attempt that was made may still come."""
    endpoint = deliveries.state()
    if endpoint.status == "enabled" and deliveries.waits_its_turn(row):
        deliveries.await_outcome(replace(row, leases=row.leases + 1), row.asked_at + deliveries.config.max_lease)
    elif endpoint.status == "enabled":
        deliveries.attempt(replace(row, leases=row.leases + 1))
    elif endpoint.status == "disabled" and deliveries.now - endpoint.since < deliveries.config.disabled_limit:
        deliveries.await_outcome(replace(row, leases=row.leases + 1))
    else:
        reason = "endpoint_disabled" if endpoint.status == "disabled" else "endpoint_removed"
        deliveries.dead_letter(row, reason)
        deliveries.leave_lane(row)


def _lane_due(deliveries: Deliveries, key: str, lane: LaneRow) -> None:
    deliveries.hand_on(key, lane)


def _endpoint_due(deliveries: Deliveries, key: str, endpoint: EndpointRow) -> None:
    deliveries.catch_up()


def _dispatch_due(deliveries: Deliveries, key: str, dispatch: DispatchRow) -> None:
    deliveries.keep_progress(dispatch)


WANTED: Mapping[EndpointCommandKind, EndpointStatus] = {
    EndpointCommandKind.ENABLE: "enabled",
    EndpointCommandKind.DISABLE: "disabled",
    EndpointCommandKind.REMOVE: "removed",
}
"""What a command makes of its endpoint."""

EVENTS: Mapping[type[Event], Callable[[Deliveries, Any], None]] = {
    DeliveryRequested: _request,
    DeliveryOutcome: _outcome,
    EndpointCommand: _command,
}
"""What is done with each kind of event about an endpoint."""

TIMERS: Mapping[type[object], Callable[[Deliveries, str, Any], None]] = {
    DeliveryRow: _delivery_due,
    LaneRow: _lane_due,
    EndpointRow: _endpoint_due,
    DispatchRow: _dispatch_due,
}
"""What the timer of each kind of row does; any other row is deleted."""
