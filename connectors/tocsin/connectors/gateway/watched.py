"""Connections of strangers: how many, how long each may keep us waiting, and who gives way when there are too many.

uvicorn has a deadline for idle connections only, so its protocol is extended here. A connection waits for its client
until a whole request has come, and again until the client has read the answer; either may take `patience` seconds. One
that comes when there are `most` takes the place of the one that has waited longest. When none waits, all are at work:
then `/healthz` is answered to the newcomer, and everything else refused. None of this is logged: a log line for each
connection would be one more thing to flood.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.connectors.gateway.problems import BUSY, MALFORMED_REQUEST, Refusal, refuse

ALWAYS = "/healthz"
"""The path that is answered as long as there is a descriptor left."""
SPARE = 32
"""Connections beyond the limit that are read when all others are at work, to answer `/healthz`."""
OUR_FILES = 64
"""Descriptors for Kafka, logs and the like, which connections never take."""
BACKLOG = 256
"""Connections that the kernel holds for us; asyncio accepts that many at a time, before any of them can be refused."""


class Limits(Struct, frozen=True, kw_only=True):
    """`most`: connections at a time. `patience`: seconds that a client may keep a connection waiting; longer than the
    deadline of a body, so that a slow body is refused with a problem document first."""

    most: int = 1000
    patience: float = 12.0
    backlog: int = BACKLOG

    def within(self, files: int) -> Limits:
        """The limits with so many descriptors: those that are ours stay free, and so does room for a backlog."""
        backlog = max(8, min(self.backlog, files // 8))
        most = max(8, min(self.most, files - OUR_FILES - SPARE - backlog))
        return msgspec.structs.replace(self, most=most, backlog=backlog)


class Watched:
    """What both kinds of connections are, before uvicorn's own class: one connection. `waiting` holds those that wait
    for their client, the longest wait first."""

    app: Any
    connections: set[Any]
    cycle: Any
    flow: Any
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def __init__(self, *, limits: Limits, waiting: dict[Watched, asyncio.TimerHandle], **uvicorns: Any) -> None:
        """`limits` and `waiting` are shared by all connections of a server."""
        super().__init__(**uvicorns)
        self._limits = limits
        self._waiting = waiting
        self._awaited: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Make room for it, or close it at once."""
        super().connection_made(transport)  # type: ignore[misc]
        self._look()
        if len(self.connections) <= self._limits.most:
            return
        longest = next(iter(self._waiting))
        if longest is not self:
            longest._give_up()
        elif len(self.connections) <= self._limits.most + SPARE:
            self.app = partial(_only_alive, self.app)
        else:
            self._give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited from it any more."""
        super().connection_lost(exc)  # type: ignore[misc]
        self._wait_for(None)

    def data_received(self, data: bytes) -> None:
        """A part of a request."""
        super().data_received(data)  # type: ignore[misc]
        self._look()

    def on_response_complete(self) -> None:
        """The answer is written, which does not mean that it was read."""
        super().on_response_complete()  # type: ignore[misc]
        self._look()

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()  # type: ignore[misc]
        self._look()

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()  # type: ignore[misc]
        self._look()

    def _look(self) -> None:
        """See what is awaited of the client; the clock starts anew when it is something else."""
        awaited: str | None = None
        if self.flow.write_paused or self.transport.is_closing():
            awaited = "reading"
        elif self.cycle is None or self.cycle.response_complete:
            awaited = "head"
        elif self.cycle.more_body:
            awaited = "body"
        if awaited != self._awaited:
            self._wait_for(awaited)

    def _wait_for(self, awaited: str | None) -> None:
        self._awaited = awaited
        timer = self._waiting.get(self)
        if timer is not None:
            timer.cancel()
        if awaited is None:
            self._waiting.pop(self, None)
        else:
            # One that waits already keeps its place: who sends a little must not get past those who come later.
            self._waiting[self] = self.loop.call_later(self._limits.patience, self._give_up)

    def _give_up(self) -> None:
        self._wait_for(None)
        self.transport.abort()


def refusal_of_no_http() -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of the answer to what is not HTTP; the connection ends with it."""
    response = refuse(Refusal(MALFORMED_REQUEST))
    others = [(name, value) for name, value in response.raw_headers if name != b"connection"]
    return response.status_code, [(b"connection", b"close"), *others], bytes(response.body)


async def _only_alive(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == ALWAYS:
        await app(scope, receive, send)
    else:
        await refuse(Refusal(BUSY))(scope, receive, send)
