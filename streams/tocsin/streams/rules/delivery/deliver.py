"""What becomes of every delivery: attempted, tried again by the schedule, done or dead; in order within a lane.

At least once: an outcome that is lost leads to the same attempt again, under the same number and event id, after the
lease. So the first outcome of an attempt counts and later ones of the same number are absorbed. One late answer is
used: `delivered` for an earlier attempt while the delivery only waits, because it is true and saves a repeat.
Order: within (endpoint, lane) a delivery is first attempted when the one before it is done or dead. Deliveries without
a lane are independent.
An endpoint that is removed: what is parked for it is dead at once, what is held is dead as its lane goes on, what
waits for a retry is dead when that is due, and what is in flight ends by its outcome.
An endpoint that answers `gone` (410) is disabled at once, as by a command: that delivery is dead, what comes after it
is parked (RELIABILITY F8). Only a command enables it again.
A request that comes again while its delivery is remembered as done is absorbed. One that is remembered as dead starts
anew, at the end of its lane: that is how a dead letter is replayed. It has the whole schedule again, and its attempts
are numbered on, so that no late outcome of its first life is taken for one of its second. What remains: the same
request twice in the log (written again after a crash) of a delivery that died in between is such a new life, too.
"""

from __future__ import annotations

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
from tocsin.streams.rules.decision import Decision
from tocsin.streams.rules.delivery.deliver_config import DeliverConfig
from tocsin.streams.rules.delivery.desk import Desk, delivery_key, endpoint_key, lane_key
from tocsin.streams.rules.delivery.letters import misplaced
from tocsin.streams.rules.delivery.schedule import retry_at
from tocsin.streams.rules.state import DeliveryRow, EndpointRow, FinishedRow, LaneRow


def deliver(event: Event, rows: Rows, now: int, config: DeliverConfig) -> list[Decision]:
    """The decisions about one event of `deliveries`; changes `rows`. `now` is its append time in microseconds."""
    desk = Desk(rows, now, config)
    match event:
        case DeliveryRequested():
            _request(event, desk)
        case DeliveryOutcome():
            _outcome(event, desk)
        case EndpointCommand():
            _command(event, desk)
        case Tick():
            pass
        case _:
            desk.decisions.append(misplaced(event, event.tenant, "wrong_topic"))
    return desk.decisions


def fire(key: str, rows: Rows, now: int, config: DeliverConfig) -> list[Decision]:
    """The timer of row `key` is due by `now` (microseconds)."""
    desk = Desk(rows, now, config)
    match rows.get(key):
        case DeliveryRow() as row:
            _delivery_due(row, desk)
        case LaneRow() as lane:
            desk.hand_on(lane)
        case EndpointRow() as endpoint:
            desk.catch_up(endpoint.endpoint)
        case _:
            rows.delete(key)
    return desk.decisions


def _request(request: DeliveryRequested, desk: Desk) -> None:
    """Absorb a repeat; else attempt it, or hold it in its lane."""
    known = desk.rows.get(delivery_key(request.endpoint, request.delivery_id))
    dead = known if isinstance(known, FinishedRow) and known.state == "dead" else None
    if known is not None and dead is None:
        return
    row = _row(request, desk.now, 0 if dead is None else dead.attempt)
    if len(request.body) > desk.config.max_body:
        desk.bury(row, "too_large", f"{len(request.body)} bytes, at most {desk.config.max_body}")
        return
    if request.lane is None:
        desk.begin(row)
        return
    key = lane_key(request.endpoint, request.lane)
    lane = desk.rows.get(key)
    if not isinstance(lane, LaneRow):
        if desk.begin(row):
            desk.rows.put(key, LaneRow(request.endpoint, request.lane, (request.delivery_id,)))
    elif len(lane.queue) > desk.config.hold_count:
        desk.bury(row, "held_too_long", f"its lane already holds {desk.config.hold_count}")
    else:
        desk.rows.put(key, replace(lane, queue=(*lane.queue, request.delivery_id)), desk.rows.due(key))
        desk.put(row, desk.now + desk.config.hold_limit)


def _outcome(outcome: DeliveryOutcome, desk: Desk) -> None:
    row = desk.pending(outcome.endpoint, outcome.delivery_id)
    if row is None or not _counts(outcome, row):
        return
    row = replace(row, last_reason=outcome.reason)
    if outcome.outcome is Outcome.DELIVERED:
        desk.finish(row)
    elif outcome.outcome is Outcome.REJECTED and outcome.reason == Reason.GONE:
        if desk.endpoint(row.endpoint).status == "enabled":
            desk.disable(row.endpoint)
        desk.bury(row, "gone", _told(outcome))
    elif outcome.outcome is Outcome.REJECTED:
        desk.bury(row, "rejected", _told(outcome))
    elif not _wait(outcome, row, desk):
        desk.bury(row, "exhausted", _told(outcome))
    else:
        return
    desk.leave_lane(row)


def _counts(outcome: DeliveryOutcome, row: DeliveryRow) -> bool:
    if row.state == "in_flight":
        return outcome.attempt == row.attempt
    return row.state == "waiting" and outcome.outcome is Outcome.DELIVERED and 0 < outcome.attempt <= row.attempt


def _wait(outcome: DeliveryOutcome, row: DeliveryRow, desk: Desk) -> bool:
    """Plan the next attempt; False when the schedule is used up. An outcome of a newer kind counts as retry_later."""
    due = retry_at(desk.config.schedule, row.delivery_id, row.attempt - row.earlier, desk.now, outcome.retry_after)
    if due is None:
        return False
    desk.put(replace(row, state="waiting"), due)
    return True


def _command(command: EndpointCommand, desk: Desk) -> None:
    """Enable, disable or remove an endpoint. A replay is made by whoever reads the log; there is nothing to decide."""
    name = command.endpoint
    endpoint = desk.endpoint(name)
    match command.kind:
        case EndpointCommandKind.ENABLE:
            desk.rows.put(endpoint_key(name), replace(endpoint, status="enabled", since=desk.now))
            desk.catch_up(name)
        case EndpointCommandKind.REMOVE:
            desk.rows.put(endpoint_key(name), replace(endpoint, status="removed", since=desk.now))
            desk.catch_up(name)
        case EndpointCommandKind.DISABLE:
            desk.disable(name)
        case EndpointCommandKind.REPLAY:
            pass
        case _:
            desk.decisions.append(misplaced(command, name, "command_not_supported"))


def _delivery_due(row: DeliveryRow, desk: Desk) -> None:
    """The hold, the retry or the lease of a delivery is over."""
    if row.state == "in_flight":
        _lease_over(row, desk)
    elif row.state == "held":
        desk.bury(row, "held_too_long")
        desk.leave_lane(row)
    elif not desk.begin(row):
        desk.leave_lane(row)


def _lease_over(row: DeliveryRow, desk: Desk) -> None:
    """No outcome came: ask for the same attempt again, so that an outcome which is only late still counts."""
    match desk.endpoint(row.endpoint).status:
        case "enabled":
            desk.attempt(replace(row, leases=row.leases + 1))
        case "disabled":
            # It may have been made, and its outcome may still come: it waits for that, and is not asked for.
            _outcome_awaited(row, desk)
        case "removed":
            desk.bury(row, "endpoint_removed")
            desk.leave_lane(row)


def _outcome_awaited(row: DeliveryRow, desk: Desk) -> None:
    if desk.now - desk.endpoint(row.endpoint).since >= desk.config.disabled_limit:
        desk.bury(row, "endpoint_disabled")
        desk.leave_lane(row)
    else:
        desk.await_outcome(replace(row, leases=row.leases + 1))


def _told(outcome: DeliveryOutcome) -> str:
    return outcome.reason if outcome.status is None else f"{outcome.reason} ({outcome.status})"


def _row(request: DeliveryRequested, now: int, earlier: int) -> DeliveryRow:
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
        request.replay,
        request.occurred_at,
        now,
        request.cause,
        request.traceparent,
        attempt=earlier,
        earlier=earlier,
    )
