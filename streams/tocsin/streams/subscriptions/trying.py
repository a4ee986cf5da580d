"""A first letter to an endpoint, through the real sink: a signed ping that tells of nothing, and what came back."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time_ns

from msgspec import Struct
from msgspec.structs import replace

from tocsin.connectors.didcomm.faults import KeysUnusable
from tocsin.connectors.sinks import Delivered, Rejected, RetryLater, Sink, SinkMisconfigured, SinkOutcome, make_sink
from tocsin.connectors.sinks.didcomm import DidcommConfig
from tocsin.connectors.sinks.didcomm.choosing import ping as didcomm_ping
from tocsin.connectors.sinks.webhook import WebhookConfig
from tocsin.connectors.sinks.webhook.ownership import NotProven, prove
from tocsin.connectors.sinks.webhook.ping import PING, ping, signal
from tocsin.connectors.webhooks.keys import version_of
from tocsin.schemas.events import DeliveryAttempt
from tocsin.schemas.ids import new_event_id
from tocsin.streams.rules.config import Endpoint
from tocsin.streams.rules.notification import CONTENT_TYPE

_NAMES = {Delivered: "delivered", RetryLater: "retry_later", Rejected: "rejected"}
CHECKED = "webhook-id, webhook-timestamp (at most 5 minutes off) and webhook-signature, over the bytes as they came"
"""What a receiver must have checked."""


class Tried(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a ping. `outcome`, `reason`: what a delivery would have been told; `signatures` are the kinds
    that it was signed with; `why` is a sentence when it was not even sent. `answer` is the beginning of a stranger's
    text: print it with `printable`."""

    endpoint: str
    sink: str
    taken: bool
    outcome: str
    seconds: float
    reason: str | None = None
    status: int | None = None
    webhook_id: str | None = None
    signatures: tuple[str, ...] = ()
    receiver_checks: str | None = None
    answer: str | None = None
    why: str | None = None


async def try_endpoint(
    endpoint: Endpoint, tenant: str, equip: Callable[[Sink], Sink] = lambda sink: sink, peer: str | None = None
) -> Tried:
    """Send one ping to an endpoint of any sink, once. Never raises for what the other side does. `equip` gives a sink
    what the process has for it; `peer` is whom a sink that tells DIDComm peers pings, if the endpoint names nobody."""
    if isinstance(endpoint.settings, WebhookConfig):
        return await _webhook(endpoint, endpoint.settings, tenant)
    started, now = monotonic(), time_ns() // 1000
    attempt = _attempt(endpoint, tenant, now)
    if isinstance(endpoint.settings, DidcommConfig):
        peer = peer or (None if endpoint.recipient is None else endpoint.recipient.did)
        if peer is None:
            return _unsent(endpoint, started, "it tells whoever is the other side: name one with --peer")
        attempt = _to_peer(attempt, peer, endpoint.body)
    try:
        sink = equip(make_sink(endpoint.sink, endpoint.settings))
        async with sink:
            outcome = await sink.deliver(attempt)
    except (SinkMisconfigured, KeysUnusable) as wrong:
        return _unsent(endpoint, started, str(wrong))
    except Exception as error:  # of a sink of another package; its text may hold a secret
        return _unsent(endpoint, started, f"the sink {endpoint.sink} failed ({type(error).__name__})")
    return _tried(endpoint, outcome, monotonic() - started)


async def _webhook(endpoint: Endpoint, config: WebhookConfig, tenant: str) -> Tried:
    started = monotonic()
    try:
        proven = await prove(config)
        if isinstance(proven, NotProven):
            return _unsent(endpoint, started, f"{proven.why}: it gets nothing before it agrees", proven.status)
        pinged = await ping(config, endpoint=endpoint.name, tenant=tenant)
    except SinkMisconfigured as wrong:
        return _unsent(endpoint, started, str(wrong))
    except ValueError as wrong:  # nothing signs: a rules file is checked, who builds the settings may not have
        return _unsent(endpoint, started, str(wrong))
    kinds = tuple(dict.fromkeys(map(version_of, config.secrets)))
    return _tried(
        endpoint, pinged.outcome, pinged.seconds, pinged.status, webhook_id=pinged.webhook_id, signatures=kinds,
        receiver_checks=CHECKED, answer=pinged.answer or None,
    )  # fmt: skip


def _tried(
    endpoint: Endpoint, outcome: SinkOutcome, seconds: float, status: int | None = None, **more: object
) -> Tried:
    reason = None if isinstance(outcome, Delivered) else outcome.reason.value
    return Tried(
        endpoint=endpoint.name, sink=endpoint.sink, taken=reason is None, outcome=_NAMES[type(outcome)],
        seconds=round(seconds, 3), reason=reason, status=outcome.status if status is None else status, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def _unsent(endpoint: Endpoint, started: float, why: str, status: int | None = None) -> Tried:
    return Tried(
        endpoint=endpoint.name, sink=endpoint.sink, taken=False, outcome="not_sent",
        seconds=round(monotonic() - started, 3), why=why, status=status,
    )  # fmt: skip


def _to_peer(attempt: DeliveryAttempt, peer: str, body: str) -> DeliveryAttempt:
    """The same for a peer: a trust ping, in the version that the endpoint's body or the peer's name says."""
    of_v1 = body in ("aries-1.0", "hipe") or not peer.startswith("did:")
    return replace(attempt, peer=peer, body=didcomm_ping(attempt.event_id, 1 if of_v1 else 2))


def _attempt(endpoint: Endpoint, tenant: str, now: int) -> DeliveryAttempt:
    ident = new_event_id()
    return DeliveryAttempt(
        event_id=ident, tenant=tenant, occurred_at=now, recorded_at=now, delivery_id=ident, endpoint=endpoint.name,
        attempt=1, lane=None, about=ident, content_type=CONTENT_TYPE, body=signal(PING, ident, endpoint.name, tenant),
        replay=0,
    )  # fmt: skip
