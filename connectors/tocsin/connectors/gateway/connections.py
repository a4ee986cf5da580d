"""Connections of strangers: how many, how long each may keep us waiting, and who gives way when there are too many.

uvicorn has a deadline for idle connections only, so its protocol is extended here. A connection waits for its client
until a whole request has come, and again until the client has read the answer; either may take `patience` seconds. One
that comes when there are `most` takes the place of the one that has waited longest. When none waits, all are at work:
then `/healthz` is answered to the newcomer, and everything else refused. None of this is logged: a log line for each
connection would be one more thing to flood.
"""

from __future__ import annotations

import asyncio
import resource
from functools import partial
from typing import Any

import h11
import msgspec
import uvicorn
from msgspec import Struct
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

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


def server_config(app: ASGIApp, limits: Limits, **options: Any) -> uvicorn.Config:
    """uvicorn's configuration for an application that strangers reach. Raises the number of descriptors as far as the
    system allows, and keeps the limits within it."""
    limits = limits.within(_descriptors(limits.most + OUR_FILES + SPARE + limits.backlog))
    return uvicorn.Config(
        app,
        http=partial(Connection, limits=limits, waiting={}),  # type: ignore[arg-type]
        ws="none",
        backlog=limits.backlog,
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        **options,
    )


class Connection(H11Protocol):
    """One connection. `waiting` holds those that wait for their client, the longest wait first."""

    def __init__(self, *, limits: Limits, waiting: dict[Connection, asyncio.TimerHandle], **uvicorns: Any) -> None:
        """`limits` and `waiting` are shared by all connections of a server."""
        super().__init__(**uvicorns)
        self._limits = limits
        self._waiting = waiting
        self._awaited: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for it, or close it at once."""
        super().connection_made(transport)
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
        super().connection_lost(exc)
        self._wait_for(None)

    def data_received(self, data: bytes) -> None:
        """A part of a request."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """The answer is written, which does not mean that it was read."""
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self._look()

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is refused if it can still be answered at all."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self._give_up()
            return
        response = refuse(Refusal(MALFORMED_REQUEST))
        headers = [(b"connection", b"close"), *((n, v) for n, v in response.raw_headers if n != b"connection")]
        for event in (
            h11.Response(status_code=response.status_code, headers=headers, reason=b""),
            h11.Data(data=bytes(response.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        if self.cycle is not None:  # it may be at work on the head: it has nobody to answer any more
            self.cycle.disconnected = True
            self.cycle.message_event.set()

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


async def _only_alive(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == ALWAYS:
        await app(scope, receive, send)
    else:
        await refuse(Refusal(BUSY))(scope, receive, send)


def _descriptors(wanted: int) -> int:
    """How many files this process may have open, after it has asked for as many as it wants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
