"""The read-only registry: right answers, and Confluent's error codes; a real client of it: tests/connectors/gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tocsin.schemas.codec import SHIPPED
from tocsin.schemas.lock import shipped_entries
from tocsin.schemas.registry import Registry, answer
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
