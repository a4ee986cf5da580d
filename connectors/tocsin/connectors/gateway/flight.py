"""What is in flight: bytes of bodies and documents that the gateway holds at a time, bounded whatever the senders do.

A body counts as its bytes arrive, decoded, and until its request is answered. When there is no more room, the body that
has been coming in for the longest is given up: an honest one comes in milliseconds. When none is coming in, all are at
work, and the newcomer is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from msgspec import Struct
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.connectors.gateway.problems import BUSY, Refusal

_HELD = "tocsin.held"


class Room(Struct, frozen=True, kw_only=True):
    """What there is room for at a time: bytes of bodies, documents, and bodies that are still coming in."""

    bytes: int = 64 * 1024 * 1024
    documents: int = 10_000
    half_read: int = 256


class Flight:
    """What all requests hold together."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.bytes = 0
        self.documents = 0
        self._coming: dict[asyncio.Timeout, None] = {}

    @contextmanager
    def coming(self, timeout: asyncio.Timeout) -> Iterator[None]:
        """While the block runs a body is coming in; it may be given up through its time-out."""
        if len(self._coming) >= self.room.half_read:
            self.give_up_slowest()
        self._coming[timeout] = None
        try:
            yield
        finally:
            self._coming.pop(timeout, None)

    def give_up_slowest(self) -> bool:
        """Whether a body was coming in that could be given up; it frees its room when its task runs next."""
        while self._coming:
            timeout = next(iter(self._coming))
            del self._coming[timeout]
            if not timeout.expired():
                timeout.reschedule(0)
                return True
        return False


class Held:
    """What one request holds."""

    def __init__(self, flight: Flight) -> None:
        self.flight = flight
        self._bytes = 0
        self._documents = 0

    def take(self, *, bytes: int = 0, documents: int = 0) -> None:
        """Hold more. Raises Refusal when there is no room and none can be made."""
        flight = self.flight
        if flight.documents + documents > flight.room.documents:
            raise Refusal(BUSY)
        if flight.bytes + bytes > flight.room.bytes and not flight.give_up_slowest():
            raise Refusal(BUSY)
        self._bytes += bytes
        flight.bytes += bytes
        self._documents += documents
        flight.documents += documents

    def release(self) -> None:
        """Hold nothing any more."""
        self.flight.bytes -= self._bytes
        self.flight.documents -= self._documents
        self._bytes = self._documents = 0


class HoldWhileAnswered:
    """Middleware: what a request takes is released when it is answered, however that ends."""

    def __init__(self, app: ASGIApp, flight: Flight) -> None:
        self._app = app
        self._flight = flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        scope[_HELD] = held = Held(self._flight)
        try:
            await self._app(scope, receive, send)
        finally:
            held.release()


def held_by(request: Request) -> Held:
    """What a request holds."""
    return cast(Held, request.scope[_HELD])
