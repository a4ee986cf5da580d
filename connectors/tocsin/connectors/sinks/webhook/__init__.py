"""The webhook sink: one POST per attempt, signed by Standard Webhooks, bounded in time and in what it reads.

At least once: after a lost answer the attempt is repeated with the same `webhook-id` and the same body. What it never
does stands in `egress.transport`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractResolver

from tocsin.connectors.egress.transport import NotOpen
from tocsin.connectors.http_outcomes import of_error, of_status
from tocsin.connectors.sinks.base import Reason, Rejected, RetryLater, SinkOutcome
from tocsin.connectors.sinks.webhook.config import WebhookConfig, check_headers, check_secrets
from tocsin.connectors.sinks.webhook.ownership import Gate, origin_header
from tocsin.connectors.sinks.webhook.signing import signed_headers
from tocsin.connectors.sinks.webhook.transport import WebhookTransport
from tocsin.connectors.tracing import trace
from tocsin.schemas.events import DeliveryAttempt

_CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:; ?[A-Za-z0-9_.=+\" -]+)?")


class WebhookSink:
    """Posts the body of an attempt to one URL; see the module for what it never does."""

    Config = WebhookConfig

    def __init__(
        self,
        config: WebhookConfig,
        *,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
        name_servers: AbstractResolver | None = None,
    ) -> None:
        """Raises SinkMisconfigured. `now` gives microseconds since the epoch, `name_servers` looks names up."""
        self._transport = WebhookTransport(config, name_servers)
        check_headers(config.headers)
        check_secrets(config.secrets)
        self._config, self._now = config, now
        self._gate = None if config.ownership == "none" else Gate(self._transport, config)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        """Post it once and classify what came back; raises nothing but CancelledError."""
        if self._gate is None:
            return await self._deliver(attempt)
        try:
            # The question and the delivery have the time of one attempt together.
            async with asyncio.timeout(self._config.timeout):
                return await self._gate.closed() or await self._deliver(attempt)
        except TimeoutError:
            return RetryLater(reason=Reason.TIMEOUT)

    async def _deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        try:
            headers = self._headers(attempt)
        except ValueError:
            return Rejected(reason=Reason.UNACCEPTABLE)
        try:
            answer = await self._transport.ask("POST", headers, attempt.body)
        except NotOpen:
            return RetryLater(reason=Reason.SINK_FAILED)
        except Exception as error:
            return of_error(error)
        return of_status(answer.status, answer.headers.get("Retry-After"), self._now())

    def _headers(self, attempt: DeliveryAttempt) -> dict[str, str]:
        """Raises ValueError for an id or content type that may not stand in a header."""
        if not _CONTENT_TYPE.fullmatch(attempt.content_type):
            raise ValueError("content type")
        headers = signed_headers(self._config, attempt.delivery_id, self._now(), attempt.body, attempt.content_type)
        headers["tocsin-attempt"] = str(attempt.attempt)
        headers |= origin_header(self._config)
        headers |= trace(attempt.traceparent, attempt.tracestate)
        if attempt.replay > 0:
            headers["tocsin-replay"] = str(attempt.replay)
        return headers


__all__ = ["WebhookConfig", "WebhookSink"]
