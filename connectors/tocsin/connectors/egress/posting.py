"""Posts to one URL over the connections of an aiohttp session, which cost a third of its requests
(streams/decisions/0021).

The session's connector looks names up, connects, and keeps connections, as for each request of the session; its
protocol reads answers. What a session does between them for a request of any kind (cookies, redirects, payloads,
traces, a task that writes, three timers) a post of bytes does not need. All that reaches into aiohttp for this is here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import aiohttp
from aiohttp.connector import Connection
from aiohttp.helpers import TimerNoop
from aiohttp.http import HttpProcessingError, RawResponseMessage
from multidict import CIMultiDict
from yarl import URL

from tocsin.connectors.egress.answers import Answer, read_capped

ONE_WRITE = 64 * 1024
"""Bytes of a body that leaves together with its headers; to copy a larger one costs more than a second write."""
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NO_TIMER = TimerNoop()


class Poster:
    """Posts bytes to `url`, not through a proxy."""

    def __init__(self, session: aiohttp.ClientSession, url: URL) -> None:
        assert session.connector is not None
        self.url = url
        self._connector, self._timeout = session.connector, session.timeout
        # It is never sent: the connector reads from it to where, and how, it connects.
        self._to = aiohttp.ClientRequest("POST", url, session=session, loop=asyncio.get_running_loop())
        self._first = f"POST {url.raw_path_qs} HTTP/1.1\r\nHost: {url.host_port_subcomponent}\r\n"
        self._always = CIMultiDict(session.headers)

    async def post(self, headers: Mapping[str, str], body: bytes, keep: int) -> Answer:
        """As `Transport.send`; it raises what a request of the session raises."""
        head = self._head(headers, len(body))
        answer: Answer | None = None
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._timeout.total):
                connection = await self._connector.connect(self._to, traces=[], timeout=self._timeout)
                message, content = await _asked(connection, head, body)
                answer = Answer(status=message.code, headers=message.headers)
                if not content.at_eof():
                    await read_capped(content, connection.close, answer, keep)
        except Exception as error:
            if answer is None:
                _raise_as_session(error)
                raise
            answer.cut = True  # the rest is read only to use the connection again
        finally:
            if connection is not None:
                _give_back(connection, answer, len(body))
        return answer

    def _head(self, headers: Mapping[str, str], length: int) -> bytes:
        """The first line and the headers, as a session writes them. Raises ValueError for what may not stand there."""
        named = self._always.copy()
        for name, value in headers.items():
            named[name] = value  # in whatever letters it stood there before
        named.setdefault("Accept", "*/*")
        named["Content-Length"] = str(length)
        named.setdefault("Content-Type", "application/octet-stream")
        lines = [f"{name}: {value}" for name, value in named.items()]
        if _FORBIDDEN.search("".join(lines)):
            raise ValueError("a control character in a header")
        return (self._first + "\r\n".join(lines) + "\r\n\r\n").encode()


async def _asked(connection: Connection, head: bytes, body: bytes) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
    """Write the request, and wait for the head of its answer."""
    protocol = connection.protocol
    assert protocol is not None
    protocol.set_response_params(timer=_NO_TIMER, read_until_eof=True, auto_decompress=False)
    if protocol.transport is None or protocol.transport.is_closing():
        raise aiohttp.ClientConnectionResetError("the connection is closing")
    if len(body) <= ONE_WRITE:
        protocol.transport.write(head + body)
    else:
        protocol.transport.write(head)
        protocol.transport.write(body)
    while True:
        message, content = await protocol.read()
        if not 100 <= message.code <= 199 or message.code == 101:
            return message, content


def _give_back(connection: Connection, answer: Answer | None, asked: int) -> None:
    """Keep a connection for the next request, if what was asked (so many bytes) and answered is all gone from it."""
    transport = connection.transport
    # TLS does not say what it has not sent yet: a large body that is refused may be there still.
    taken = answer is not None and (asked <= ONE_WRITE or answer.status < 300)
    if taken and transport is not None and not transport.get_write_buffer_size():
        connection.release()  # closes it where something of the answer is left
    else:
        connection.close()


def _raise_as_session(error: Exception) -> None:
    """Raise what a request of a session raises in the place of this, if it is another one."""
    if isinstance(error, HttpProcessingError):
        raise aiohttp.ClientPayloadError from error
    if isinstance(error, OSError) and not isinstance(error, TimeoutError | aiohttp.ClientError):
        raise aiohttp.ClientOSError(*error.args) from error
