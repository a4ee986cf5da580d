"""What comes back to a request, read within bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import StreamReader
from msgspec import Struct

READ_AT_MOST = 64 * 1024
"""How much of an answer is read, in bytes, unless more of it is wanted; the rest is cut off."""


class Answer(Struct, kw_only=True):
    """What came back: `body` is its beginning, as much as was asked for; `cut` says that there was more."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    cut: bool = False


async def read_capped(content: StreamReader, close: Callable[[], None], answer: Answer, keep: int) -> None:
    """Read to the end, so that the connection can be used again; `close` cuts a longer answer off, with its
    connection."""
    read = 0
    async for chunk in content.iter_any():
        if read < keep:
            answer.body += chunk[: keep - read]
        read += len(chunk)
        answer.cut = read > keep
        if read > max(READ_AT_MOST, keep):
            close()
            return
