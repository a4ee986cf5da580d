"""Dialects: the shapes that problems have elsewhere. One file each, pure: `read(document)` and `write(problem)`.

`DIALECTS` is the table: name -> import string of the module.
Readers are lenient (what breaks a rule is flagged in `violations`), writers strict.
"""

from __future__ import annotations

from tocsin.connectors.dialects import text
from tocsin.connectors.dialects.json_text import MAX_DOCUMENT, parse_json
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason, Unwritable
from tocsin.connectors.dialects.table import (
    ALIASES,
    DIALECT_OF_MEDIA_TYPE,
    DIALECTS,
    Dialect,
    detect,
    module_of,
    read_detected,
)
from tocsin.schemas.problem import Problem

AUTO = "auto"
"""The dialect that means: find out from the media type, else from the document's shape."""


def load_dialect(name: str) -> Dialect:
    """The dialect's module, by its name or an alias (`didcomm2`). Raises Unreadable(unknown_dialect)."""
    known = ALIASES.get(name, name)
    if known not in DIALECTS:
        raise Unreadable(UnreadableReason.UNKNOWN_DIALECT, expected=f"one of {', '.join([AUTO, *DIALECTS])}")
    return module_of(known)


def read_document(
    raw: bytes, dialect: str = AUTO, media_type: str | None = None, *, max_bytes: int = MAX_DOCUMENT
) -> Problem | NotAProblem:
    """The bytes of one document, at most `max_bytes`, as a canonical problem. Raises Unreadable and nothing else."""
    chosen = _chosen(dialect, media_type)
    if chosen == text.NAME:
        return text.read(text.decode(raw, max_bytes=max_bytes))
    return _read(parse_json(raw, max_bytes=max_bytes), chosen)


def read_parsed(document: object, dialect: str = AUTO, media_type: str | None = None) -> Problem | NotAProblem:
    """The same for a document that `parse_json` has read already."""
    return _read(document, _chosen(dialect, media_type))


def _read(document: object, chosen: str) -> Problem | NotAProblem:
    return read_detected(document)[1] if chosen == AUTO else module_of(chosen).read(document)


def _chosen(dialect: str, media_type: str | None) -> str:
    """The name of the dialect that the document is said to be in, AUTO if nothing says one. Raises Unreadable."""
    if dialect == AUTO:
        return DIALECT_OF_MEDIA_TYPE.get(media_type or "", AUTO)
    return load_dialect(dialect).NAME


def write_document(problem: Problem, dialect: str) -> dict[str, object]:
    """The problem in a dialect, strictly. Raises Unwritable, or Unreadable(unknown_dialect)."""
    return load_dialect(dialect).write(problem)


__all__ = [
    "AUTO",
    "DIALECTS",
    "DIALECT_OF_MEDIA_TYPE",
    "Dialect",
    "NotAProblem",
    "Unreadable",
    "UnreadableReason",
    "Unwritable",
    "detect",
    "load_dialect",
    "read_document",
    "read_parsed",
    "write_document",
]
