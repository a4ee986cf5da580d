"""Look-ups of a read-only Confluent schema registry over the schemas that a process knows: pure, no HTTP here.

Subjects are record names (`io.tocsin.ProblemReported`), so one topic may hold several events. Deserialisers of
confluent-kafka, Java and Go need only `answer`: the gateway serves it below a prefix of its choice.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import unquote

from tocsin.schemas.errors import RegistryRefused
from tocsin.schemas.lock import SchemaEntry, fingerprint
from tocsin.schemas.schema_book import SchemaBook

CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"
"""Media type of every answer."""


_CONSTANT: Final = {"config": {"compatibilityLevel": "FULL_TRANSITIVE"}, "mode": {"mode": "READONLY"}}


class Registry:
    """Answers look-ups. Learned schemas are found by id only: their version number is not known here."""

    def __init__(self, book: SchemaBook) -> None:
        """`book` may learn later on; the answers follow."""
        self._book = book

    def by_id(self, schema_id: int) -> dict[str, Any]:
        """`GET /schemas/ids/{id}`. Raises RegistryRefused 40403."""
        return {"schema": self._entry(schema_id).text}

    def uses_of_id(self, schema_id: int) -> list[dict[str, Any]]:
        """`GET /schemas/ids/{id}/versions`: where the schema is used. Raises RegistryRefused 40403."""
        entry = self._entry(schema_id)
        return [] if entry.version is None else [{"subject": entry.subject, "version": entry.version}]

    def subjects(self) -> list[str]:
        """`GET /subjects`, sorted."""
        return sorted({entry.subject for entry in self._book.entries if entry.version is not None})

    def versions(self, subject: str) -> list[int]:
        """`GET /subjects/{subject}/versions`, ascending. Raises RegistryRefused 40401."""
        return [entry.version for entry in self._versions(subject) if entry.version is not None]

    def version(self, subject: str, version: str) -> dict[str, Any]:
        """`GET /subjects/{subject}/versions/{version}`; `latest` or `-1` is the newest. Raises RegistryRefused 40401,
        40402 (no such version) or 42202 (not a version)."""
        entries = self._versions(subject)
        if version in ("latest", "-1"):
            return _described(entries[-1])
        if not (version.isascii() and version.isdigit() and 0 < int(version[:10]) < 2**31):
            raise RegistryRefused(422, 42202, f"{version!r} is neither a version number nor 'latest'")
        for entry in entries:
            if entry.version == int(version):
                return _described(entry)
        raise RegistryRefused(404, 40402, f"{subject} has no version {version}")

    def lookup(self, subject: str, schema: str) -> dict[str, Any]:
        """`POST /subjects/{subject}`: the version that this text is, docs and layout aside. Raises RegistryRefused
        40401, 40403, or 42201 (not a schema)."""
        try:
            wanted = fingerprint(schema)
        except (ValueError, RecursionError) as wrong:
            raise RegistryRefused(422, 42201, f"not an Avro schema: {wrong}") from wrong
        for entry in self._versions(subject):
            if entry.fingerprint == wanted:
                return _described(entry)
        raise RegistryRefused(404, 40403, f"{subject} has no such schema")

    def _entry(self, schema_id: int) -> SchemaEntry:
        entry = self._book.entry(schema_id)
        if entry is None:
            raise RegistryRefused(404, 40403, f"no schema has the id {schema_id}")
        return entry

    def _versions(self, subject: str) -> list[SchemaEntry]:
        found = [entry for entry in self._book.entries if entry.subject == subject and entry.version is not None]
        if not found:
            raise RegistryRefused(404, 40401, f"no subject is called {subject!r}")
        return sorted(found, key=lambda entry: entry.version or 0)


def answer(registry: Registry, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    """The status and JSON document for a request to a registry mounted at `/`: the whole read-only API, pure.

    `path` is without its query (no option of it matters to us). Never raises: what is not there, or would write, is an
    error document of the Confluent API.
    """
    parts = [unquote(part) for part in path.strip("/").split("/")]
    try:
        return 200, _found(registry, method, parts, body)
    except RegistryRefused as refused:
        return refused.status, {"error_code": refused.error_code, "message": refused.message}


def _found(registry: Registry, method: str, parts: list[str], body: bytes) -> Any:
    match method, parts:
        case "GET", ["schemas", "ids", number]:
            return registry.by_id(_schema_id(number))
        case "GET", ["schemas", "ids", number, "versions"]:
            return registry.uses_of_id(_schema_id(number))
        case "GET", ["subjects"]:
            return registry.subjects()
        case "GET", ["subjects", subject, "versions"]:
            return registry.versions(subject)
        case "GET", ["subjects", subject, "versions", version]:
            return registry.version(subject, version)
        case "GET", [name] | [name, _] if name in _CONSTANT:
            return _CONSTANT[name]
        case "POST", ["subjects", subject]:
            return registry.lookup(subject, _schema_text(body))
        case "GET", _:
            raise RegistryRefused(404, 404, "no such resource")
        case _:
            raise RegistryRefused(422, 42205, "this registry is read-only: its schemas ship with Tocsin")


def _schema_id(number: str) -> int:
    if not (number.isascii() and number.isdigit() and len(number) <= 10):
        raise RegistryRefused(404, 40403, f"no schema has the id {number!r}")
    return int(number)


def _schema_text(body: bytes) -> str:
    try:
        text = json.loads(body)["schema"]
    except (ValueError, RecursionError, KeyError, TypeError) as wrong:
        raise RegistryRefused(422, 42201, "the body must be an object with a schema") from wrong
    if not isinstance(text, str):
        raise RegistryRefused(422, 42201, "the schema must be text")
    return text


def _described(entry: SchemaEntry) -> dict[str, Any]:
    return {"subject": entry.subject, "version": entry.version, "id": entry.id, "schema": entry.text}
