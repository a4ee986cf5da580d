"""HTTP to one gateway, by the standard library alone: connections that are kept, bounded answers, blocking calls for
threads."""

from __future__ import annotations

import contextlib
import http.client
import logging
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import msgspec

from tocsin.connectors.printable import clipped
from tocsin.connectors.publish.overdue import Overdue

log = logging.getLogger("tocsin.publish")

LONGEST_ANSWER, LONGEST_TO_A_BATCH = 64 * 1024, 1024 * 1024
LONGEST_WORDS = 500
LONGEST_RETRY_AFTER = 3600.0
"""Seconds that a gateway may ask us to wait."""
NO_ANSWER, NOT_IN_TIME = 0, 1
"""In the place of a status: there was no HTTP; there was none in time."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_STALE = (http.client.RemoteDisconnected, http.client.CannotSendRequest, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True)
class Answer:
    """`said` is the title and detail of a problem document; `retry_after` in seconds, 0 when nothing is said."""

    status: int
    said: str = ""
    retry_after: float = 0.0
    document: Mapping[str, object] = field(default_factory=dict)


class Gateway:
    """Asks a gateway, from several threads at once. What is no HTTP is an OSError."""

    def __init__(
        self, url: str, *, api_key: str | None, timeout: float, ca_file: str | None = None, connections: int = 4
    ) -> None:
        """Raises ValueError."""
        split = urlsplit(url)
        if split.scheme not in ("http", "https") or not split.hostname or split.query or split.fragment:
            raise ValueError(f"the gateway's address is like https://bus.example.org, not {_without_user(url)!r}")
        if split.username is not None or split.password is not None:
            raise ValueError("the gateway's address holds no user or password: give the key as api_key")
        if api_key is not None and (not api_key or not api_key.isascii() or not api_key.isprintable()):
            raise ValueError("api_key: printable ASCII characters are expected")
        if api_key is not None and split.scheme == "http" and split.hostname not in LOOPBACK:
            raise ValueError(f"the API key would be readable by all between here and {split.hostname}: use https")
        self.url = url.rstrip("/")
        self._host, self._port = split.hostname, split.port
        self._path = split.path.rstrip("/")
        self._timeout, self._most = timeout, connections
        self._overdue = Overdue(timeout)
        self._headers = {"user-agent": "tocsin-publisher"}
        if api_key is not None:
            self._headers["authorization"] = f"Bearer {api_key}"
        self._tls: ssl.SSLContext | None = None
        if split.scheme == "https":
            try:
                self._tls = ssl.create_default_context(cafile=ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ValueError(f"ca_file={ca_file}: no certificates in PEM: {error}") from None
        self._idle: deque[http.client.HTTPConnection] = deque()

    def post(self, path: str, headers: Mapping[str, str], body: bytes, longest: int = LONGEST_ANSWER) -> Answer:
        """Send a request; of the answer so many bytes are read at most. Raises OSError; ValueError for a header that
        cannot be one."""
        return self._ask("POST", path, headers, body, longest)

    def probe(self) -> Answer:
        """Ask whether it is ready. Raises OSError."""
        return self._ask("GET", "/readyz", {}, None, LONGEST_ANSWER)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, longest: int) -> Answer:
        with contextlib.suppress(IndexError):
            kept = self._idle.pop()
            with contextlib.suppress(*_STALE):  # closed meanwhile by the other side; the key makes a repeat harmless
                return self._ask_over(kept, method, path, headers, body, longest)
        return self._ask_over(self._connection(), method, path, headers, body, longest)

    def _ask_over(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        longest: int,
    ) -> Answer:
        keep = False
        try:
            with self._overdue.watch(connection):
                connection.request(method, self._path + path, body, self._headers | dict(headers))
                response = connection.getresponse()
                data = response.read(longest + 1)
            keep = len(data) <= longest and not response.will_close and len(self._idle) < self._most
            return _answer(response, data)
        except http.client.HTTPException as error:
            if isinstance(error, OSError):
                raise
            raise ConnectionError(f"what answers is no gateway: {type(error).__name__}") from error
        finally:
            if keep:
                self._idle.append(connection)
            else:
                connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)


def _without_user(url: str) -> str:
    return url.rpartition("@")[2]


def _answer(response: http.client.HTTPResponse, data: bytes) -> Answer:
    try:
        document = msgspec.json.decode(data, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = {}
    words = [str(document[name]) for name in ("title", "detail") if isinstance(document.get(name), str)]
    return Answer(
        response.status, _line(". ".join(words)).rstrip("."), _seconds(response.getheader("retry-after")), document
    )


def _line(said: str) -> str:
    """What a stranger says stands in the log, and begins no line there."""
    return clipped(said[:LONGEST_WORDS], LONGEST_WORDS) if said else ""


def _seconds(said: str | None) -> float:
    """Retry-After (seconds or a date, RFC 9110 10.2.3), within 0 to an hour."""
    said = (said or "").strip()[:64]
    if said.isascii() and said.isdigit():
        return min(float(said), LONGEST_RETRY_AFTER)
    try:
        return min(max(parsedate_to_datetime(said).timestamp() - time.time(), 0.0), LONGEST_RETRY_AFTER)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
