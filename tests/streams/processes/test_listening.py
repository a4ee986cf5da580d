"""The socket on which the gateway listens."""

from __future__ import annotations

import asyncio
import socket

from tocsin.streams.processes.gateway import listen
from tocsin.streams.settings import Settings


async def test_an_answer_in_two_pieces_does_not_wait_for_the_client_to_acknowledge_the_first() -> None:
    found: asyncio.Queue[int] = asyncio.Queue()

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        no_delay = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
        await writer.wait_closed()
        found.put_nowait(no_delay)

    listening = listen(Settings(host="127.0.0.1", port=0), 10)
    async with await asyncio.start_server(take, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        assert await found.get(), "Nagle's algorithm is on"
        writer.close()
        await writer.wait_closed()
