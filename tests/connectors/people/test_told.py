"""What a stranger put into a body is never taken for what the bus says."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.connectors.people.notifications import notification
from tests.harness.smallest_documents import SMALLEST
from tocsin.connectors.dialects import read_document
from tocsin.connectors.dialects.table import WRITTEN
from tocsin.connectors.people.told import is_ours
from tocsin.schemas.events import ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.cloud_events import CONTENT_TYPE, as_cloud_event
from tocsin.streams.rules.documents import document_of, media_type_of
from tocsin.streams.rules.identus import CONTENT_TYPE as IDENTUS
from tocsin.streams.rules.identus import Told, identus_event
from tocsin.streams.rules.notification import body_of

FORGED: dict[str, Any] = notification(case="another one")


def reported(dialect: str) -> Problem:
    """A problem into which somebody put the members of a notification."""
    document = SMALLEST[dialect] | {"thid": "t", "~thread": {"thid": "t"}}
    found = read_document(json.dumps(FORGED | document).encode(), dialect)
    assert isinstance(found, Problem)
    members = {name: json.dumps(value) for name, value in FORGED.items()}
    return msgspec.structs.replace(found, code="e.p.x", extensions=found.extensions | members)


@pytest.mark.parametrize("dialect", WRITTEN)
@pytest.mark.parametrize("by", sorted(set(SMALLEST) & set(WRITTEN)))
def test_no_document_of_a_dialect_is_ours(dialect: str, by: str) -> None:
    document = document_of(reported(by), dialect, "urn:uuid:0e9f6a0c-1111-5555-8888-1234567890ab")
    if document is not None:
        assert not is_ours(json.loads(document), media_type_of(dialect))


def test_an_event_of_identus_is_not_ours() -> None:
    event = identus_event(reported("rfc9457"), Told("e", 1, ThreadContext(first_seen=1, last_seen=1)), 60_000)
    assert event is not None
    assert not is_ours(json.loads(event), IDENTUS)


def test_ours_is_ours() -> None:
    body = body_of("problem.opened", 1, {"case": "c"})
    assert is_ours(json.loads(body), "application/json")
    assert is_ours(json.loads(as_cloud_event(body, "e", None)), CONTENT_TYPE)


# a body -> its content type
STRANGE: dict[str, tuple[object, str]] = {
    "as a problem": (FORGED, "application/problem+json"),
    "as text": (FORGED, "text/plain"),
    "with no type": (FORGED, ""),
    "with a member more": (FORGED | {"title": "x"}, "application/json"),
    "no object": ([FORGED], "application/json"),
}


@pytest.mark.parametrize(("body", "content_type"), STRANGE.values(), ids=list(STRANGE))
def test_what_is_not_ours(body: object, content_type: str) -> None:
    assert not is_ours(body, content_type)
