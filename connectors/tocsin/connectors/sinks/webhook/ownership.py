"""Whether who answers at a webhook's URL wants our notifications: asked before the first of them (`ownership`).

Without it, whoever may name a URL may have us post to somebody else. Two ways, by choice of the endpoint:

- `options`: CloudEvents HTTP Web Hooks 1.0.2, section 4: OPTIONS with `WebHook-Request-Origin`, agreed to by
  `WebHook-Allowed-Origin` (the status alone says nothing, as its section 4.2 has it);
- `challenge`: a signed notification `endpoint.challenge` whose `data.challenge` the answer repeats, as text or as the
  member `challenge` of a JSON object.

**Who remembers it.** Nobody but the open sink: each process asks once for itself before it delivers, and again after a
day. What counts is who answers at the URL now; a remembered yes would outlive the owner of a name, and could be lost or
forged. The price is one small request for each endpoint, process and day; and a receiver that is away when we ask gets
nothing until it is back, which is true of its deliveries, too. So nothing has to survive a restart.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from hmac import compare_digest

from msgspec import Struct

from tocsin.connectors.egress.answers import Answer
from tocsin.connectors.http_outcomes import of_error
from tocsin.connectors.sinks.base import Reason, RetryLater
from tocsin.connectors.sinks.webhook.config import WebhookConfig
from tocsin.connectors.sinks.webhook.ping import exchange, signal
from tocsin.connectors.sinks.webhook.transport import WebhookTransport
from tocsin.connectors.webhooks import CHALLENGE
from tocsin.schemas.ids import new_event_id

ASK_AGAIN = 30.0
"""Seconds between two questions to an endpoint that did not agree: nobody is flooded with questions either."""

HOLDS_FOR = 24 * 3600.0
"""Seconds that a yes holds in one process."""


class Proven(Struct, frozen=True, kw_only=True):
    """The receiver wants our notifications. `rate` is how many a minute it grants, if it says so: of more than that it
    will answer some with 429."""

    rate: int | None = None


class NotProven(Struct, frozen=True, kw_only=True):
    """It does not, or did not say so. `why` is a sentence for operators, in our words only; `status` is that of the
    answer, if there was one."""

    why: str
    status: int | None = None


async def prove(config: WebhookConfig) -> Proven | NotProven:
    """Ask a webhook in the way that its setting `ownership` names; Proven at once when that is `none`. Never raises for
    what the other side does; raises SinkMisconfigured for settings that cannot work, and CancelledError."""
    async with WebhookTransport(config) as transport:
        return await prove_over(transport, config)


async def prove_over(transport: WebhookTransport, config: WebhookConfig) -> Proven | NotProven:
    """The same over an open transport."""
    try:
        return await _ASK[config.ownership](transport, config)
    except Exception as error:
        return NotProven(why=f"it was asked, and there was no answer ({of_error(error).reason.value})")


async def _nothing(transport: WebhookTransport, config: WebhookConfig) -> Proven | NotProven:
    return Proven()


async def _options(transport: WebhookTransport, config: WebhookConfig) -> Proven | NotProven:
    answer = await transport.ask("OPTIONS", dict(config.headers) | origin_header(config))
    allowed = answer.headers.get("WebHook-Allowed-Origin", "").strip()
    if not 200 <= answer.status < 300:
        return NotProven(why=f"it answered OPTIONS with {answer.status}", status=answer.status)
    if allowed != "*" and allowed.casefold() != (config.origin or "").casefold():
        said = "names another origin" if allowed else "is missing"
        why = f"its answer to OPTIONS does not allow {config.origin}: WebHook-Allowed-Origin {said}"
        return NotProven(why=why, status=answer.status)
    rate = answer.headers.get("WebHook-Allowed-Rate", "").strip()
    return Proven(rate=int(rate) if rate.isascii() and rate.isdigit() and 0 < len(rate) < 10 and int(rate) else None)


async def _challenge(transport: WebhookTransport, config: WebhookConfig) -> Proven | NotProven:
    challenge, webhook_id = secrets.token_urlsafe(32), new_event_id()
    answer = await exchange(transport, config, webhook_id, signal(CHALLENGE, webhook_id, "", "", challenge=challenge))
    if isinstance(answer, RetryLater):
        return NotProven(why=f"it was sent a challenge, and there was no answer ({answer.reason.value})")
    if not 200 <= answer.status < 300:
        return NotProven(why=f"it answered the challenge with {answer.status}", status=answer.status)
    if not compare_digest(_repeated(answer), challenge.encode()):
        return NotProven(why="its answer does not repeat the challenge", status=answer.status)
    return Proven()


def _repeated(answer: Answer) -> bytes:
    """What an answer says the challenge was: the member `challenge` of an object, else the whole text. A server that
    sends back whatever it gets has not understood the question."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return answer.body.strip()
    said = document.get("challenge") if isinstance(document, dict) else document
    return said.encode("utf-8", "replace") if isinstance(said, str) else b""


_ASK = {"none": _nothing, "options": _options, "challenge": _challenge}


def origin_header(config: WebhookConfig) -> dict[str, str]:
    """What each request says to a receiver that was asked by OPTIONS (CloudEvents HTTP Web Hooks 1.0.2, 2.1)."""
    return {"WebHook-Request-Origin": config.origin} if config.ownership == "options" and config.origin else {}


class Gate:
    """Stands before the deliveries of one open sink: closed until its receiver has agreed. `clock` is in seconds."""

    def __init__(
        self, transport: WebhookTransport, config: WebhookConfig, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._transport, self._config, self._clock = transport, config, clock
        self._holds_until = self._ask_at = float("-inf")
        self._one_question_at_a_time = asyncio.Lock()
        self.answer: Proven | NotProven | None = None
        """The last answer; None before the first."""

    async def closed(self) -> RetryLater | None:
        """None when a delivery may go; else its outcome: `unverified`, not before the receiver is asked again."""
        if self._clock() < self._holds_until:
            return None
        async with self._one_question_at_a_time:
            if self._clock() < self._holds_until:
                return None
            if self._clock() >= self._ask_at:
                self._ask_at = self._clock() + ASK_AGAIN  # also when the attempt ends before the answer is there
                self.answer = await prove_over(self._transport, self._config)
                if isinstance(self.answer, Proven):
                    self._holds_until = self._clock() + HOLDS_FOR
                    return None
            status = self.answer.status if isinstance(self.answer, NotProven) else None
            wait = max(0.0, self._ask_at - self._clock())
            return RetryLater(reason=Reason.UNVERIFIED, after=round(wait * 1_000_000), status=status)
