"""GET /v1/events: what happens, as it happens (server-sent events), for one tenant.

A stream has no state that anybody keeps: its position is told with each event, so it goes on where it was, at whatever
gateway. All streams of a gateway share what is read; what a client does not take waits in Kafka.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing
from time import monotonic
from typing import Any, Protocol

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tocsin.connectors.gateway.admission import caller_of, payer_of
from tocsin.connectors.gateway.problems import BUSY, Refusal
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.request import READ_REFUSED
from tocsin.schemas.events import (
    ConflictNoticed,
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationExhausted,
    EscalationRaised,
    EscalationSnoozed,
    EscalationStepped,
    Event,
    EventBase,
    ProblemExplained,
    ProblemOpened,
    ProblemPromoted,
    ProblemRepeated,
    ProblemResolved,
    ProblemsDigested,
    ProblemSuppressed,
    ProblemUnrouted,
    TimeoutNoticed,
)
from tocsin.streams.ask.asking import Asking, openapi
from tocsin.streams.ask.links import Links
from tocsin.streams.ask.parameters import parameter, refused
from tocsin.streams.ask.positions import Happened, PositionInvalid, Positions, positions_of, text_of
from tocsin.streams.rules.notification import problem_json, thread_json, timestamp

BEAT = 15.0
"""Seconds after which a comment is sent when nothing happens, so that nobody between gives up the connection."""

AT_ONCE = 256
"""Streams of all tenants at a gateway."""

WRITTEN = 64
"""Events that are remembered as they were written."""

TYPES: tuple[type[EventBase], ...] = (
    ProblemOpened, ProblemRepeated, ProblemSuppressed, ProblemUnrouted, ProblemPromoted, ProblemResolved,
    ProblemExplained, ProblemsDigested, TimeoutNoticed, ConflictNoticed, EscalationRaised, EscalationStepped,
    EscalationAcknowledged, EscalationSnoozed, EscalationExhausted, EscalationCancelled,
)  # fmt: skip
"""The events that are told."""

NAMES = tuple(kind.__name__ for kind in TYPES)

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff", "x-accel-buffering": "no"}


class _Stream(StreamingResponse):
    """An answer that gives back its places when it ends, however it does."""

    def __init__(self, told: AsyncIterator[bytes], places: ExitStack) -> None:
        super().__init__(told, media_type="text/event-stream", headers=HEADERS)
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._places:
            await super().__call__(scope, receive, send)


class StreamPort(Protocol):
    """Where a stream reads."""

    def follow(self, tenant: str, positions: Positions | None, beat: float) -> AsyncGenerator[Happened, None]:
        """Each event of the tenant, and of no other, from there (None: from now) on, with the position behind it; and
        every `beat` seconds without one, the position alone. It ends when it cannot go on."""
        ...


def event_routes(asking: Asking, port: StreamPort, rates: TenantRates) -> APIRouter:
    """The route."""
    router = APIRouter()
    streams, written = asyncio.Semaphore(AT_ONCE), _Written()

    @router.get(
        "/v1/events",
        response_class=StreamingResponse,
        responses={200: {"description": "What happens", "content": {"text/event-stream": {}}}, **READ_REFUSED},
        openapi_extra=openapi(
            parameter("type", description="Only events of these types, with commas between them."),
            parameter("since", description="A position (the id of an event), as Last-Event-ID."),
        ),
    )
    async def events(request: Request) -> Response:
        """What happens to the tenant's problems and cases, as server-sent events: `event` is the type, `id` the
        position behind it, `data` JSON. Whoever comes back with `Last-Event-ID` misses nothing, at whichever gateway,
        as long as Kafka keeps the events."""
        asked, links, tenant = asking.asked(request), asking.links(request), caller_of(request).tenant
        types, since = asked.text("type"), asked.text("since")
        asked.done()
        said = request.headers.get("last-event-id") or since
        try:
            positions = None if said is None else positions_of(said)
        except PositionInvalid as error:
            raise refused("since", str(error), "the `id` of an event of this stream, no time; or nothing") from None
        wanted = frozenset(NAMES if types is None else types.split(","))
        if not wanted <= set(NAMES):
            raise refused("type", "there is no such event", ", ".join(NAMES))

        async def told() -> AsyncIterator[bytes]:
            yield b"retry: 2000\n\n"
            last = monotonic()
            async with aclosing(port.follow(tenant, positions, BEAT)) as happening:
                async for event, behind in happening:
                    if event is not None and type(event).__name__ in wanted:
                        yield written.told(event, behind, links)
                    elif event is None or monotonic() - last >= BEAT:
                        # also while much happens that was not asked for, so that the position goes on
                        yield f"id: {text_of(behind)}\n: nothing\n\n".encode()
                    else:
                        continue
                    last = monotonic()

        # Its place is taken before the answer begins, so that one too many is refused by a status.
        with ExitStack() as places:
            places.enter_context(rates.stream(payer_of(request)))
            if streams.locked():
                raise Refusal(BUSY)
            await streams.acquire()
            places.callback(streams.release)
            return _Stream(told(), places.pop_all())

    return router


class _Written:
    """The last events as they were written, since many streams tell the same one after the other."""

    def __init__(self) -> None:
        self._written: OrderedDict[tuple[str, ...], bytes] = OrderedDict()

    def told(self, event: Event, behind: Positions, links: Links) -> bytes:
        """The event as a stream tells it, with the position behind it."""
        key = (event.tenant, type(event).__name__, event.event_id, links.to())
        data = self._written.get(key)
        if data is None:
            data = self._written[key] = msgspec.json.encode(event_json(event, links))
            if len(self._written) > WRITTEN:
                self._written.popitem(last=False)
        return b"event: %b\nid: %b\ndata: %b\n\n" % (type(event).__name__.encode(), text_of(behind).encode(), data)


def event_json(event: Event, links: Links) -> dict[str, Any]:
    """An event, as a stream tells it."""
    told: dict[str, Any] = {
        "type": type(event).__name__, "event_id": event.event_id, "at": timestamp(event.recorded_at)
    }  # fmt: skip
    for name in ("report", "case", "survivor", "reason", "detail", "count", "policy", "step", "by", "why"):
        value = getattr(event, name, None)
        if value is not None:
            told[name] = value
    if isinstance(event, ProblemOpened | ProblemRepeated):
        told |= {"problem": problem_json(event.problem), "thread": thread_json(event.thread)}
    around = {}
    if "report" in told:
        around["problem"] = links.problem(told["report"])
    if "case" in told:
        around["case"] = links.to("cases", told["case"])
    return told | {"links": around}
