"""The other side of an HttpPublisher, which answers as it is told: statuses, waits, and what is no HTTP."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tocsin.connectors.publish.batches import BATCH


@dataclass
class Told:
    """An answer: its status and headers; `raw` bytes in the place of HTTP; `close` the connection without a word."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    document: dict[str, object] = field(default_factory=dict)
    raw: bytes | None = None
    close: bool = False


class ScriptedGateway(ThreadingHTTPServer):
    """Answers what is lined up in `answers`, then `usual`; `asked` are the paths, `keys` the idempotency keys and
    `bodies` the bodies of the posts, in order; `posts` have key, body and `traceparent` together. It is one from before
    there were batches."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        self.answers: deque[Told] = deque()
        self.usual = Told(202)
        self.asked: list[str] = []
        self.keys: list[str] = []
        self.bodies: list[bytes] = []
        self.posts: list[tuple[str, bytes, str | None]] = []
        self.connections = 0
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: object, client_address: object) -> None:
        self.connections += 1
        super().process_request(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedGateway

    def do_GET(self) -> None:
        self._answer(Told(200 if self.server.usual.status < 500 else 503))

    def do_POST(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == BATCH:
            self._answer(Told(404))
            return
        server.asked.append(self.path)
        server.keys.append(self.headers["idempotency-key"])
        server.bodies.append(body)
        server.posts.append((self.headers["idempotency-key"], body, self.headers["traceparent"]))
        self._answer(server.answers.popleft() if server.answers else server.usual)

    def _answer(self, told: Told) -> None:
        if told.close or told.raw is not None:
            self.wfile.write(told.raw or b"")
            self.close_connection = True
            return
        # a 204 has no body: what came after its head would be the beginning of the next answer
        data = b"" if told.status == 204 else json.dumps(told.document).encode()
        self.send_response(told.status)
        length = {} if told.status == 204 else {"content-length": str(len(data))}
        for name, value in {**told.headers, **length}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        return None


@contextmanager
def scripted(port: int = 0) -> Iterator[ScriptedGateway]:
    """One that runs."""
    with ScriptedGateway(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
