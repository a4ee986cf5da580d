"""Connections whose requests httptools reads. It is quick, and takes what h11 refuses or bounds by itself, so that is
refused here: heads and trailers without end, requests without a host, in another form than a path, and more of them in
advance than anybody sends.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tocsin.connectors.gateway.upgrades import RequestParser
from tocsin.connectors.gateway.watched import Watched, refusal_of_no_http

MOST_UNREAD = 64 * 1024
"""Bytes of a head, of trailers or between two pieces of a body: as many as h11 has."""
MOST_AHEAD = 32
"""Requests that a client may send before the first is answered."""
VERSIONS = ("1.0", "1.1")


class NoRequest(Exception):
    """What was read is no request that is taken here."""


class FastConnection(Watched, HttpToolsProtocol):  # type: ignore[misc]
    """One connection whose requests httptools reads."""

    def __init__(self, **ours: Any) -> None:
        super().__init__(**ours)
        self.parser = RequestParser(self)
        self._unread = 0
        self._in_body = False

    def data_received(self, data: bytes) -> None:
        """A part of a request."""
        if self.parser is None:
            return
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MOST_UNREAD and not self.transport.is_closing():
            self.send_400_response("")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what comes behind a body is none, whatever it says."""
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head was read. Raises NoRequest, which httptools takes as not being HTTP."""
        version = self.parser.get_http_version()
        hosted = version == "1.0" or any(name == b"host" for name, _ in self.headers)
        path = self.url.startswith(b"/") or self.url == b"*"
        if version not in VERSIONS or not hosted or not path or len(self.pipeline) >= MOST_AHEAD:
            raise NoRequest
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise NoRequest  # a tunnel has no body, and what comes in it is no request
            return
        self._unread, self._in_body = 0, True
        super().on_headers_complete()

    def head_without_offer(self) -> bytes:
        """The head that was read last, without the protocol that it offers."""
        first = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        return b"".join([first, *lines, b"\r\n"])

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request was read."""
        if self.parser.should_upgrade():
            return
        self._unread, self._in_body = 0, False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is refused, unless the answer would be taken for that of a request before it."""
        cycle = self.cycle
        at_work = cycle is not None and not cycle.response_complete
        if self.pipeline or (at_work and (cycle.response_started or not cycle.more_body)):
            self._give_up()
            return
        status, headers, body = refusal_of_no_http()
        lines = [b"%b: %b\r\n" % header for header in headers]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", body]))
        self.transport.close()
        if at_work:  # on the head: it has nobody to answer any more
            cycle.disconnected = True
            cycle.message_event.set()
