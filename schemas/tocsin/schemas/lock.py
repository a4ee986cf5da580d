"""The schemas that ship with the package and their fixed ids (`schema_ids.lock.json`)."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

OWN_IDS: Final = range(1000, 2000)
"""Schema ids of Tocsin. An unknown one was written by a newer Tocsin: wait for it; any other unknown id is poison."""

LOCK_FILE: Final = "schema_ids.lock.json"
"""Name of the lock file within this package."""

_HERE: Final = Path(__file__).parent
"""Not by importlib.resources, which imports tempfile and zipfile: a twentieth of what importing a publisher takes."""


class SchemaEntry(Struct, frozen=True, kw_only=True):
    """One version of one subject. `text` is the .avsc file's text; `version` is None for a learned schema."""

    id: int
    subject: str
    version: int | None
    file: str
    fingerprint: str
    text: str

    @property
    def event_name(self) -> str:
        """Name of the event class: the last part of the subject."""
        return self.subject.rpartition(".")[2]


def without_docs(schema: Any) -> Any:
    """The parsed JSON of a schema without `doc` attributes: what a reader or writer of values must agree on."""
    match schema:
        case list():
            return [without_docs(branch) for branch in schema]
        case {"type": _}:
            kept = {key: value for key, value in schema.items() if key != "doc"}
            for inner in ("type", "items", "values"):
                if inner in kept:
                    kept[inner] = without_docs(kept[inner])
            if "fields" in kept:
                kept["fields"] = [without_docs(field) for field in kept["fields"]]
            return kept
        case _:
            return schema


def fingerprint(text: str) -> str:
    """SHA-256 (hex) of a schema without docs and layout. Unlike Avro's canonical form it covers defaults, aliases, and
    logical types: each of them changes what a reader sees."""
    canonical = json.dumps(without_docs(json.loads(text)), sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()


def locked_rows() -> list[SchemaEntry]:
    """The rows of the shipped lock file, in its order, without their texts."""
    rows = json.loads((_HERE / LOCK_FILE).read_text("utf-8"))["schemas"]
    return [SchemaEntry(**row, text="") for row in rows]


def shipped_entries() -> list[SchemaEntry]:
    """The rows of the shipped lock file with the texts of their .avsc files."""
    folder = _HERE / "avsc"
    return [msgspec.structs.replace(row, text=(folder / row.file).read_text("utf-8")) for row in locked_rows()]
