"""A gateway that is none: it never comes to an end, or says what would be a line of its own in the log."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from tocsin.connectors.publish.wire import Gateway


@contextmanager
def answering(first: bytes, then: bytes = b"") -> Iterator[str]:
    """The address of a server that answers so, and goes on with `then`, piece by piece, until nobody listens."""
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(first)
            while then and not ended.wait(0.02):
                connection.sendall(then)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        ended.set()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


ENDLESS = {
    "in its first line": (b"HTTP/1.1 2", b"0"),
    "in a header": (b"HTTP/1.1 200 OK\r\nx: ", b"a"),
    "in its headers": (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
    "in its document": (b"HTTP/1.1 202 OK\r\ncontent-length: 9999\r\n\r\n", b"a"),
}


@pytest.mark.parametrize(("first", "then"), ENDLESS.values(), ids=list(ENDLESS))
def test_an_answer_that_does_not_come_to_an_end_is_none(first: bytes, then: bytes) -> None:
    with answering(first, then) as url:
        gateway, failures = Gateway(url, api_key=None, timeout=0.3), list[OSError]()

        def ask() -> None:
            try:
                gateway.probe()
            except OSError as error:
                failures.append(error)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(30)
        assert len(failures) == 1, "it holds its thread for ever"


def test_what_it_says_is_one_line_without_commands_to_a_terminal() -> None:
    document = json.dumps({"title": "no\nERROR root: all is lost \x1b[31m", "detail": "x" * 10_000}).encode()
    head = f"HTTP/1.1 401 No\r\ncontent-length: {len(document)}\r\n\r\n".encode()
    with answering(head + document) as url, closing(Gateway(url, api_key=None, timeout=30)) as gateway:
        said = gateway.probe().said
    assert said.startswith("no ERROR root: all is lost . xxx")
    assert said.isprintable()
    assert len(said) <= 500
