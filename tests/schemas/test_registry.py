"""The read-only registry: right answers, Confluent's error codes, and confluent-kafka reads our bytes through it."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tocsin.schemas.codec import SHIPPED, decode
from tocsin.schemas.events import EVENTS
from tocsin.schemas.lock import shipped_entries
from tocsin.schemas.registry import CONTENT_TYPE, Registry, answer
from tocsin.schemas.schema_book import SchemaBook

REGISTRY = Registry(SHIPPED)
ENTRIES = {entry.event_name: entry for entry in shipped_entries()}
TICK = ENTRIES["Tick"]
DESCRIBED = {"subject": "io.tocsin.Tick", "version": 1, "id": 1003, "schema": TICK.text}
BODY = json.dumps({"schema": TICK.text}).encode()
RESPACED = json.dumps({"schema": json.dumps(json.loads(TICK.text))}).encode()
MISSING = 404


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/schemas/ids/1003", b"", {"schema": TICK.text}),
        ("GET", "/schemas/ids/1003/versions", b"", [{"subject": "io.tocsin.Tick", "version": 1}]),
        ("GET", "/subjects", b"", sorted(entry.subject for entry in ENTRIES.values())),
        ("GET", "/subjects/io.tocsin.Tick/versions", b"", [1]),
        ("GET", "/subjects/io%2Etocsin.Tick/versions/", b"", [1]),
        ("GET", "/subjects/io.tocsin.Tick/versions/1", b"", DESCRIBED),
        ("GET", "/subjects/io.tocsin.Tick/versions/latest", b"", DESCRIBED),
        ("GET", "/subjects/io.tocsin.Tick/versions/-1", b"", DESCRIBED),
        ("POST", "/subjects/io.tocsin.Tick", BODY, DESCRIBED),
        ("POST", "/subjects/io.tocsin.Tick", RESPACED, DESCRIBED),
        ("GET", "/config", b"", {"compatibilityLevel": "FULL_TRANSITIVE"}),
        ("GET", "/config/io.tocsin.Tick", b"", {"compatibilityLevel": "FULL_TRANSITIVE"}),
        ("GET", "/mode", b"", {"mode": "READONLY"}),
    ],
)
def test_answers(method: str, path: str, body: bytes, expected: Any) -> None:
    assert answer(REGISTRY, method, path, body) == (200, expected)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/schemas/ids/999", b"", 404, 40403),
        ("GET", "/schemas/ids/x", b"", 404, 40403),
        ("GET", "/schemas/ids/" + "9" * 10_000, b"", 404, 40403),
        ("GET", "/schemas/ids/1003/other", b"", 404, 404),
        ("GET", "/subjects/nobody/versions", b"", 404, 40401),
        ("GET", "/subjects/nobody/versions/1", b"", 404, 40401),
        ("GET", "/subjects/io.tocsin.Tick/versions/2", b"", 404, 40402),
        ("GET", "/subjects/io.tocsin.Tick/versions/0", b"", 422, 42202),
        ("GET", "/subjects/io.tocsin.Tick/versions/first", b"", 422, 42202),
        ("GET", "/subjects/io.tocsin.Tick/versions/" + "9" * 10_000, b"", 422, 42202),
        ("POST", "/subjects/nobody", BODY, 404, 40401),
        ("POST", "/subjects/io.tocsin.EscalationRaised", BODY, 404, 40403),
        ("POST", "/subjects/io.tocsin.Tick", b"", 422, 42201),
        ("POST", "/subjects/io.tocsin.Tick", b"[]", 422, 42201),
        ("POST", "/subjects/io.tocsin.Tick", b'{"schema": 1}', 422, 42201),
        ("POST", "/subjects/io.tocsin.Tick", b'{"schema": "{"}', 422, 42201),
        ("POST", "/subjects/io.tocsin.Tick", b"[" * 100_000, 422, 42201),
        ("POST", "/subjects/io.tocsin.Tick/versions", BODY, 422, 42205),
        ("PUT", "/config", b"{}", 422, 42205),
        ("DELETE", "/subjects/io.tocsin.Tick", b"", 422, 42205),
        ("GET", "/", b"", 404, 404),
    ],
)  # fmt: skip
def test_refusals(method: str, path: str, body: bytes, status: int, code: int) -> None:
    found, document = answer(REGISTRY, method, path, body)
    assert (found, document["error_code"]) == (status, code)
    assert document["message"]


def test_a_learned_schema_is_found_by_id_only() -> None:
    book = SchemaBook()
    registry = Registry(book)
    more = json.loads(TICK.text)
    more["fields"].append({"name": "more", "type": ["null", "string"], "default": None})
    book.add_foreign_schema(1600, json.dumps(more))
    assert registry.by_id(1600) == {"schema": json.dumps(more)}
    assert registry.uses_of_id(1600) == []
    assert registry.versions("io.tocsin.Tick") == [1]


@contextmanager
def served(registry: Registry) -> Iterator[str]:
    """The registry over HTTP on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, document = answer(registry, "GET", self.path.partition("?")[0])
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def in_micros(value: Any) -> Any:
    """The value with each datetime as microseconds since the epoch."""
    match value:
        case datetime():
            return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        case dict():
            return {key: in_micros(each) for key, each in value.items()}
        case list():
            return [in_micros(each) for each in value]
        case _:
            return value


def test_confluent_kafka_reads_every_golden_value_through_the_registry() -> None:
    # authlib, which confluent-kafka imports, turns its own deprecation warnings on: no pytest filter comes before it.
    with warnings.catch_warnings(record=True):
        from confluent_kafka.schema_registry import SchemaRegistryClient
        from confluent_kafka.schema_registry.avro import AvroDeserializer
        from confluent_kafka.serialization import MessageField, SerializationContext

    context = SerializationContext("tocsin.inbox", MessageField.VALUE)
    read = 0
    with served(REGISTRY) as url, SchemaRegistryClient({"url": url}) as client:
        deserialise = AvroDeserializer(client)
        for path in sorted((Path(__file__).parent / "golden").glob("*.bin")):
            data = path.read_bytes()
            event = decode(data)
            document = deserialise(data, context)
            assert msgspec.convert(in_micros(document), EVENTS[type(event).__name__], builtin_types=(bytes,)) == event
            read += 1
        assert client.get_latest_version("io.tocsin.Tick").schema_id == TICK.id
        assert len(client.get_subjects()) == len(ENTRIES)
    assert read == len(ENTRIES)
