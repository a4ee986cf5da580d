"""The limit of a document is the one that is said: whatever is large in it, its event can be written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bench.dialects import TYPICAL
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.dialects.json_text import MAX_DOCUMENT, json_text
from tocsin.connectors.publish import NothingToPublish, Origin, problem_reported
from tocsin.schemas.codec import encode

OBJECTS = {name: document for name, document in TYPICAL.items() if isinstance(document, dict)}
CHARACTERS = {"a letter": "a", "of two bytes": "é", "of four bytes": "😀", "a quote": '"', "escaped": "\x01"}


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where a text stands in a document."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, name))


def with_text(document: object, path: tuple[str | int, ...], text: str) -> bytes:
    """The document with this text at this place."""
    copy = json.loads(json.dumps(document))
    inner: Any = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = text
    return json.dumps(copy, ensure_ascii=False).encode()


def as_large_as_may_be(document: object, path: tuple[str | int, ...], character: str) -> bytes:
    """The same with as much of one character as fits."""
    room = MAX_DOCUMENT - len(with_text(document, path, ""))
    each = len(json.dumps(character, ensure_ascii=False)[1:-1].encode())
    return with_text(document, path, character * (room // each))


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=list(CHARACTERS))
@pytest.mark.parametrize("dialect", OBJECTS)
def test_the_event_of_the_largest_document_can_be_written(dialect: str, character: str) -> None:
    written = []
    for path in (*places(OBJECTS[dialect]), ("extension",)):
        raw = as_large_as_may_be(OBJECTS[dialect], path, character)
        assert MAX_DOCUMENT - 6 <= len(raw) <= MAX_DOCUMENT
        try:
            reported = problem_reported(raw, Origin(tenant="x" * 64, dialect=dialect))
        except (Unreadable, NothingToPublish):
            continue  # an id, a date or a code has a limit of its own, and a type says what it is
        assert encode(reported), path
        written.append(path)
    assert ("extension",) in written


def test_one_byte_more_is_too_large_and_so_said() -> None:
    document: dict[str, object] = {"title": "x", "status": 500, "detail": ""}
    document["detail"] = "x" * (MAX_DOCUMENT + 1 - len(json_text(document)))
    for report in (json_text(document).encode(), document):
        with pytest.raises(Unreadable, match=f"too_large: expected at most {MAX_DOCUMENT} bytes"):
            problem_reported(report, Origin(tenant="t"))
