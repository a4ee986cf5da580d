"""An HTTP proxy on 127.0.0.1 (CONNECT, and plain requests) that connects to whatever it is asked for, and tells."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass
class ConnectProxy:
    """Use as an async context manager. `hosts` says where a `host:port` really is; `asked` is what came: each first
    line and Proxy-Authorization. `answer` is said instead of connecting."""

    hosts: dict[str, tuple[str, int]] = field(default_factory=dict)
    answer: bytes | None = None
    tls: ssl.SSLContext | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> ConnectProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self._tasks: set[asyncio.Task[None]] = set()
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https://localhost' if self.tls else 'http://127.0.0.1'}:{port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._one(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *headers = head.split("\r\n")
        shown = next((each.partition(": ")[2] for each in headers if each.lower().startswith("proxy-auth")), "")
        self.asked.append((line, shown))
        method, target, _ = line.split(" ")
        if self.answer is not None:
            writer.write(self.answer)
            return await writer.drain()
        place = target if method == "CONNECT" else target.partition("//")[2].partition("/")[0]
        host, port = self.hosts.get(place) or (place.rpartition(":")[0], int(place.rpartition(":")[2]))
        there_reader, there_writer = await asyncio.open_connection(host, port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = "/" + target.partition("//")[2].partition("/")[2]
            there_writer.write(head.replace(target, path, 1).encode("latin-1"))
        try:
            await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
        finally:
            there_writer.close()
        return None


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
