"""The socket on which the gateway listens."""

from __future__ import annotations

import asyncio
import socket

from tocsin.streams.processes.gateway import listen
from tocsin.streams.settings import Settings


async def test_an_answer_in_two_pieces_does_not_wait_for_the_client_to_acknowledge_the_first() -> None:
    accepted: asyncio.Queue[socket.socket] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait(writer.get_extra_info("socket"))
        await reader.read()
        writer.close()

    listening = listen(Settings(host="127.0.0.1", port=0), 10)
    async with await asyncio.start_server(take, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        ours = await accepted.get()
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "Nagle's algorithm is on"
        writer.close()
