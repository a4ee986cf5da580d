"""A ping: one signed notification that tells of nothing, and what came back. For whoever sets an endpoint up."""

from __future__ import annotations

import json
import time
from typing import Any

from msgspec import Struct

from tocsin.connectors.dialects.notification import PING as PING
from tocsin.connectors.egress.answers import Answer
from tocsin.connectors.egress.transport import NotOpen
from tocsin.connectors.http_outcomes import of_error, of_status
from tocsin.connectors.publish.headers import rfc3339
from tocsin.connectors.sinks.base import Delivered, Reason, RetryLater, SinkOutcome
from tocsin.connectors.sinks.webhook.config import WebhookConfig
from tocsin.connectors.sinks.webhook.signing import signed_headers
from tocsin.connectors.sinks.webhook.transport import WebhookTransport
from tocsin.schemas.ids import new_event_id

SHOWN = 1000
"""Characters of an answer that are shown."""


class Pinged(Struct, frozen=True, kw_only=True):
    """What became of a ping. `outcome` is what a delivery would have been told; `webhook_id` stands in the receiver's
    log; `seconds` is the whole exchange; `answer` is the beginning of the answer's body as text, at most SHOWN
    characters, `cut` whether there was more. The text is a stranger's: print it with `printable`."""

    outcome: SinkOutcome
    webhook_id: str
    seconds: float
    status: int | None = None
    content_type: str = ""
    answer: str = ""
    cut: bool = False

    @property
    def taken(self) -> bool:
        """Whether the receiver took it (2xx)."""
        return isinstance(self.outcome, Delivered)


async def ping(config: WebhookConfig, *, endpoint: str = "", tenant: str = "") -> Pinged:
    """Send one signed ping to a webhook, as a delivery goes: the same guard, limits and signatures. `endpoint` and
    `tenant` are said in it. Never raises for what the other side does; raises SinkMisconfigured for settings that
    cannot work, and CancelledError. Sent once: nothing is tried again."""
    started, webhook_id = time.monotonic(), new_event_id()
    body = signal(PING, webhook_id, endpoint, tenant)
    async with WebhookTransport(config) as transport:
        answer = await exchange(transport, config, webhook_id, body)
    seconds = time.monotonic() - started
    if isinstance(answer, RetryLater):
        return Pinged(outcome=answer, webhook_id=webhook_id, seconds=seconds)
    text = answer.body.decode("utf-8", "replace")
    return Pinged(
        outcome=of_status(answer.status, answer.headers.get("Retry-After"), _now()),
        webhook_id=webhook_id,
        seconds=seconds,
        status=answer.status,
        content_type=answer.headers.get("Content-Type", "")[:100],
        answer=text[:SHOWN],
        cut=answer.cut or len(text) > SHOWN,
    )


def signal(kind: str, webhook_id: str, endpoint: str, tenant: str, **more: Any) -> bytes:
    """The body of a notification that is about an endpoint itself: it has the members that all of ours have, so that a
    receiver, or another bus, takes it for one."""
    data = {"event_id": webhook_id, "case": None, "tenant": tenant, "endpoint": endpoint, **more}
    return json.dumps({"type": kind, "timestamp": rfc3339(_now()), "data": data}).encode()


async def exchange(
    transport: WebhookTransport, config: WebhookConfig, webhook_id: str, body: bytes
) -> Answer | RetryLater:
    """The answer to one signed POST with the first 4 * SHOWN bytes of its body, or why there was none."""
    headers = signed_headers(config, webhook_id, _now(), body, "application/json")
    try:
        return await transport.ask("POST", headers | {"tocsin-attempt": "1"}, body, keep=4 * SHOWN)
    except NotOpen:
        return RetryLater(reason=Reason.SINK_FAILED)
    except Exception as error:
        return of_error(error)


def _now() -> int:
    return time.time_ns() // 1000
