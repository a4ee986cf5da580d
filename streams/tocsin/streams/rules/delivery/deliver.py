"""What becomes of every delivery: attempted, tried again by the schedule, done or dead; in order within a lane.

At least once: an outcome that is lost leads to the same attempt again, under the same number and event id, after the
lease, which is renewed while the attempt waits for its turn. So the first outcome of an attempt counts and later ones
of the same number are absorbed. One late answer is used: `delivered` for an earlier attempt while the delivery only
waits, because it is true and saves a repeat; not one of an earlier life, which is not what was asked for.
Order: within (endpoint, lane) a delivery is first attempted when the one before it is done or dead. Deliveries without
a lane are independent.
An endpoint that is removed: what is parked for it is dead at once, what is held is dead as its lane goes on, what
waits for a retry is dead when that is due, and what is in flight ends by its outcome. When none of that can be left it
is forgotten, unless the rules still have it.
An endpoint that answers `gone` (410) is disabled at once, as by a command: that delivery is dead, what comes after it
is parked. Only a command enables it again. So is one that took nothing for `disabled_after`.
What may not be attempted yet, by breaker, throttle or rate (`gate.py`), is parked in the same queue and goes on in its
order; that uses up nothing of its schedule.
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
from tocsin.streams.rules.delivery import gate
from tocsin.streams.rules.delivery.deliveries import Deliveries
from tocsin.streams.rules.delivery.health import (
    note_deaths,
    note_failure,
    note_gone,
    note_other_tenant,
    note_removed,
    note_success,
    tell_deaths,
)
from tocsin.streams.rules.delivery.progress import keep_progress, note_progress, waits_its_turn
from tocsin.streams.rules.delivery.replaying import renewed, replay_noted, taken_up
from tocsin.streams.rules.delivery.row_events import misplaced
from tocsin.streams.rules.delivery.schedule import DeliverConfig, hold_limit, retry_at
from tocsin.streams.rules.state import DeliveryRow, DispatchRow, EndpointRow, LaneRow, PeerEndpointRow
from tocsin.streams.rules.state.deliveries import EndpointStatus


def deliver(event: Event, rows: Rows, now: int, config: DeliverConfig) -> list[Decision]:
    """The decisions about one event of `deliveries`; changes `rows`. `now` is its append time in microseconds."""
    return deliver_event(Deliveries(rows, now, config, ""), event, now, config)


def deliver_event(deliveries: Deliveries, event: Event, now: int, config: DeliverConfig) -> list[Decision]:
    """The same, with what is used for one event after another of the same rows."""
    match event:
        case DeliveryRequested() | DeliveryOutcome() | EndpointCommand():
            deliveries.turn_to(now, config, event.endpoint)
            EVENTS[type(event)](deliveries, event)
            if deliveries.died:
                note_deaths(deliveries)
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
    if deliveries.died:
        note_deaths(deliveries)
    return deliveries.decisions


def _request(deliveries: Deliveries, request: DeliveryRequested) -> None:
    """Absorb a repeat; else attempt it, or hold it in its lane."""
    row = taken_up(deliveries, request)
    if row is None:
        return
    now, config, policy = deliveries.now, deliveries.config, deliveries.policy
    if len(request.body) > config.max_body:
        deliveries.dead_letter(row, "too_large", f"{len(request.body)} bytes, at most {config.max_body}")
        return
    if request.lane is None or policy.order == "none":
        deliveries.begin(row)
        return
    key = deliveries.lanes.key(request.lane)
    lane = deliveries.lanes.get(key)
    if lane is None:
        if deliveries.begin(row):
            deliveries.lanes.put(key, LaneRow(request.endpoint, request.lane, (request.delivery_id,)), None)
    elif len(lane.queue) > policy.hold_count:
        deliveries.dead_letter(row, "held_too_long", f"its lane already holds {policy.hold_count}")
    else:
        deliveries.lanes.replace(key, replace(lane, queue=(*lane.queue, request.delivery_id)))
        deliveries.put(row, now + hold_limit(policy))


def _outcome(deliveries: Deliveries, outcome: DeliveryOutcome) -> None:
    """An attempt ended; and where others wait for that, they go on."""
    row = deliveries.pending.find(outcome.delivery_id)
    if row is None or not _counts(outcome, row):
        return
    note_progress(deliveries, row)
    deliveries.at(row)
    state = deliveries.found()
    if state is not None and row.state == "in_flight":
        deliveries.heard(state)
    if outcome.outcome is Outcome.DELIVERED:
        if state is not None:
            note_success(deliveries)
        _delivered(deliveries, row)
    else:
        _failed(deliveries, outcome, replace(renewed(row, deliveries.now), last_reason=outcome.reason))
    if state is not None and state.waiting:
        deliveries.at(row)  # who had the next turn in its lane may be another peer
        deliveries.go_on()


def _delivered(deliveries: Deliveries, row: DeliveryRow) -> None:
    if not row.again:
        deliveries.finish(row)
    elif deliveries.begin(renewed(row, deliveries.now)):
        return
    deliveries.leave_lane(row)


def _failed(deliveries: Deliveries, outcome: DeliveryOutcome, row: DeliveryRow) -> None:
    detail = outcome.reason if outcome.status is None else f"{outcome.reason} ({outcome.status})"
    if outcome.outcome is Outcome.REJECTED and outcome.reason == Reason.GONE:
        if not deliveries.peer and deliveries.state().status == "enabled":
            deliveries.disable()
            note_gone(deliveries)
        deliveries.dead_letter(row, "gone", detail)
    else:
        if outcome.reason == Reason.OTHER_TENANT:
            note_other_tenant(deliveries)
        else:
            note_failure(deliveries, outcome, detail)
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
    policy, made = deliveries.policy, row.attempt - row.earlier
    due = retry_at(policy.schedule, row.delivery_id, made, deliveries.now, outcome.retry_after)
    if due is None or (policy.exhausted_after is not None and due >= row.enqueued_at + policy.exhausted_after):
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
    if command.cause is not None and command.endpoint in deliveries.config.of_operators:
        # written for a subscription (its event is the cause), whose name the rules file has taken
        return refused(f"the rules file has an endpoint {clip(command.endpoint)}: it is the operator's to switch")
    if state.status == wanted and not (wanted == "enabled" and gate.holds_back(state, deliveries.now)):
        if wanted == "removed":
            deliveries.keep(state)  # the row of an older worker has no timer
        return already(f"it is {wanted} already")
    if wanted == "disabled":
        deliveries.disable()
    else:
        deliveries.set_status(wanted)
        if wanted == "removed":
            note_removed(deliveries)
        deliveries.go_on()
    return DONE


def _delivery_due(deliveries: Deliveries, key: str, row: DeliveryRow) -> None:
    """The hold, the retry or the lease of a delivery is over."""
    deliveries.at(row)
    if row.state == "in_flight":
        _lease_over(deliveries, row)
    elif row.state == "held" and deliveries.policy.hold_time is None and _is_held_back(deliveries):
        deliveries.put(row, deliveries.now + hold_limit(deliveries.policy))
    elif row.state == "held":
        deliveries.dead_letter(row, "held_too_long")
        deliveries.leave_lane(row)
    elif not deliveries.begin(row):
        deliveries.leave_lane(row)


def _is_held_back(deliveries: Deliveries) -> bool:
    """Whether deliveries wait for the endpoint, and not only for each other: that is not the time of any of them."""
    state, whole = deliveries.found(), deliveries.whole()
    return whole.waiting > 0 or (state is not None and (state.waiting > 0 or gate.holds_back(state, deliveries.now)))


def _lease_over(deliveries: Deliveries, row: DeliveryRow) -> None:
    """No outcome came: ask for the same attempt again, so that an outcome which is only late still counts; unless it
    waits for its turn, behind what an endpoint takes slower than it comes. While the breaker is open that is done as
    seldom as it lets probes through, and while the endpoint is disabled not at all, but the outcome of an attempt that
    was made may still come."""
    state, endpoint, config = deliveries.state(), deliveries.whole(), deliveries.config
    again = replace(row, leases=row.leases + 1)
    if endpoint.status == "enabled" and waits_its_turn(deliveries, row):
        deliveries.await_outcome(again, row.asked_at + config.max_lease)
    elif endpoint.status == "enabled":
        if deliveries.may_ask_again(state):
            deliveries.attempt(row, row.attempt, again.leases)
        else:
            deliveries.await_outcome(row)
    elif endpoint.status == "disabled" and deliveries.now - endpoint.since < config.disabled_limit:
        deliveries.await_outcome(again)
    else:
        if deliveries.found() is not None:
            deliveries.heard(state)
        deliveries.dead_letter(row, f"endpoint_{endpoint.status}")
        deliveries.leave_lane(row)


def _lane_due(deliveries: Deliveries, key: str, lane: LaneRow) -> None:
    deliveries.hand_on(key, lane)


def _endpoint_due(deliveries: Deliveries, key: str, endpoint: EndpointRow) -> None:
    deliveries.endpoints.put(key, endpoint, None)  # this timer is spent: what is kept from now on sets the next
    tell_deaths(deliveries)
    deliveries.go_on()


def _peer_due(deliveries: Deliveries, key: str, peer: PeerEndpointRow) -> None:
    deliveries.peer = peer.peer
    deliveries.endpoints.put(key, peer, None)
    deliveries.go_on()


def _dispatch_due(deliveries: Deliveries, key: str, dispatch: DispatchRow) -> None:
    keep_progress(deliveries, dispatch)


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
    PeerEndpointRow: _peer_due,
    DispatchRow: _dispatch_due,
}
"""What the timer of each kind of row does; any other row is deleted."""
