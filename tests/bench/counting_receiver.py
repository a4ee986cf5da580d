"""A receiver of webhooks that costs as little as one in Python can: it counts requests, and answers each with 204."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Count:
    """How many requests have come, and when the last one did."""

    def __init__(self) -> None:
        self.url = ""
        self.arrived = 0
        self.last = 0.0
        self._wanted = 0
        self._all_there = asyncio.Event()

    def add(self) -> None:
        """One more."""
        self.arrived += 1
        self.last = time.monotonic()
        if self.arrived >= self._wanted:
            self._all_there.set()

    async def until(self, wanted: int, within: float) -> None:
        """Return when so many have come since the start, or after so many seconds."""
        self._wanted = wanted
        self._all_there.clear()
        with contextlib.suppress(TimeoutError):
            if self.arrived < wanted:
                await asyncio.wait_for(self._all_there.wait(), within)


class Requests(asyncio.Protocol):
    """Reads requests one after another, however they are cut, and answers each."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            size = end + 4 + length_of(self._data[:end])
            if len(self._data) < size:
                return
            self._data = self._data[size:]
            self._count.add()
            self._transport.write(ANSWER)


def length_of(head: bytes) -> int:
    """The Content-Length of a request, from what comes before its body."""
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


@asynccontextmanager
async def counting_receiver() -> AsyncIterator[Count]:
    """One that listens at `url` until the block ends."""
    count = Count()
    server = await asyncio.get_running_loop().create_server(lambda: Requests(count), "127.0.0.1", 0)
    count.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield count
    finally:
        server.close()
