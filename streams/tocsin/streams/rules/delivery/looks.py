"""When the row of an endpoint is looked at next: its one timer."""

from __future__ import annotations

from tocsin.streams.rules.delivery import gate
from tocsin.streams.rules.delivery.schedule import DeliverConfig, digest_at
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.state import EndpointRow, PeerEndpointRow


def next_look(state: EndpointRow, policy: DeliveryPolicy, config: DeliverConfig, now: int) -> int | None:
    """When something waits that may go on, ends, or is to be told of; None: never."""
    soon, dues = now + config.step_pause, list[int]()
    if state.waiting and state.status == "enabled":
        look = soon if gate.has_room(state, policy) else now + config.lease  # an outcome comes before
        dues.append(max(look, gate.opens_at(state, policy, now)))
    elif state.waiting:
        dues.append(max(soon, parked_until(state, config)) if state.status == "disabled" else soon)
    elif state.status == "removed" or isinstance(state, PeerEndpointRow):
        dues.append(max(soon, forgotten_from(state, config, now)))
    elif state.throttled_until > now:
        dues.append(state.throttled_until)
    if state.digested_at:
        dues.append(max(soon, digest_at(state)))
    return min(dues, default=None)


def parked_until(state: EndpointRow, config: DeliverConfig) -> int:
    """When what waits for an endpoint that is disabled is dead."""
    return max(state.since, state.parked_since) + config.disabled_limit


def forgotten_from(state: EndpointRow, config: DeliverConfig, now: int) -> int:
    """When an endpoint that is removed, or a peer that failed last at `since`, is forgotten."""
    if isinstance(state, PeerEndpointRow):
        return state.since + config.disabled_limit
    known = config.endpoints  # one that the rules have would be sent something again
    if known is None or state.endpoint in known:
        return now + config.disabled_limit
    return state.forget_at or state.since + config.disabled_limit
