"""A problem as a document of a dialect, for endpoints that take that instead of our notification."""

from __future__ import annotations

import json

import msgspec

from tocsin.connectors.dialects import DIALECT_OF_MEDIA_TYPE, Unwritable, write_document
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.problem import Http, Problem, Source
from tocsin.streams.rules.notification import shortened

MAX_DOCUMENT = 64 * 1024
"""Bytes of a document; of a larger problem only what identifies it is written."""

MAX_PEER_TEXT = 1024
"""Characters of the text that a peer is told."""

HIGH = "high"
"""The trust with which a peer is told everything."""

_ENCODER = msgspec.json.Encoder(order="deterministic")
_MEDIA_TYPES = {dialect: media_type for media_type, dialect in DIALECT_OF_MEDIA_TYPE.items()}


def media_type_of(dialect: str) -> str:
    """The content type of a dialect's documents."""
    return _MEDIA_TYPES.get(dialect, "application/json")


def can_say(problem: Problem, dialect: str) -> bool:
    """Whether the dialect can say this problem (DIDComm v2 needs a thread, DWN a status)."""
    return document_of(problem, dialect) is not None


def document_of(problem: Problem, dialect: str, instance: str | None = None, limit: int = MAX_DOCUMENT) -> bytes | None:
    """The problem as a strict document, at most `limit` bytes; None when the dialect cannot say it so. The same problem
    always gives the same bytes. `instance` is the RFC 9457 id of this occurrence, where it has none."""
    if dialect == "rfc9457" and instance is not None:
        http = problem.http or Http()
        http = msgspec.structs.replace(http, instance=http.instance or instance)
        problem = msgspec.structs.replace(problem, http=http)
    for said in (problem, _bare(problem)):
        try:
            document = _encoded(write_document(said, dialect))
        except Unwritable:
            return None
        except (TocsinError, ValueError, RecursionError):
            # A rule must not fail over what a stranger wrote: what identifies the problem can still be said.
            continue
        if len(document) <= limit:
            return document
    return None


def _encoded(document: dict[str, object]) -> bytes:
    """Raises ValueError: a text that UTF-8 cannot hold."""
    try:
        return _ENCODER.encode(document)
    except OverflowError:
        # A member of a stranger may be a number of more than 64 bits, for which JSON has room and msgspec has none.
        return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def for_peer(problem: Problem, trust: str | None) -> Problem:
    """What a peer may know of a problem: its code and comment. Arguments are `?` and details are left out unless the
    connection's trust is high, which are secret by default."""
    if (trust or "").casefold() == HIGH:
        return problem
    template = problem.text_template if problem.args else None
    return msgspec.structs.replace(
        _bare(problem),
        ack=list(problem.ack),
        text_template=shortened(template, MAX_PEER_TEXT),
        args=["?"] * len(problem.args) if template else [],
        text=None if template else shortened(problem.text, MAX_PEER_TEXT),
        escalation_uri=problem.escalation_uri,
    )


def _bare(problem: Problem) -> Problem:
    """What identifies a problem."""
    http = problem.http
    return Problem(
        dialect=problem.dialect,
        code=problem.code,
        code_key=problem.code_key,
        category=problem.category,
        severity=problem.severity,
        scope=problem.scope,
        impact=problem.impact,
        message_id=problem.message_id,
        message_type=problem.message_type,
        thread_id=problem.thread_id,
        parent_thread_id=problem.parent_thread_id,
        text=shortened(problem.text, MAX_PEER_TEXT),
        retry_party=problem.retry_party,
        http=http and Http(type=http.type, status=http.status, instance=http.instance),
        source=Source(protocol=problem.source.protocol),
    )
