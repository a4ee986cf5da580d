"""Which dialect a document is in, when nobody says: by media type, else by shape (first match wins)."""

from __future__ import annotations

from collections.abc import Callable

from tocsin.connectors.dialects.codes import SEVERITIES
from tocsin.connectors.dialects.didcomm2 import is_report_type
from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason

ALIASES = {"didcomm2": "didcomm-2.0", "didcomm-2": "didcomm-2.0", "didcomm": "didcomm-2.0", "problem+json": "rfc9457"}
"""Other names under which a dialect may be asked for."""

DIALECT_OF_MEDIA_TYPE = {
    "application/problem+json": "rfc9457",
    "application/didcomm-plain+json": "didcomm-2.0",
    "application/vnd.tocsin.problem+json": "canonical",
}
"""Media types that name a dialect; `application/json` says nothing."""

_BODY_MEMBERS = {"code", "comment", "args", "escalate_to"}


def detect(document: object) -> str:
    """The name of the dialect of a parsed document. Raises Unreadable(undetected) when no shape fits."""
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    for dialect, looks_like in _SHAPES:
        if looks_like(document):
            return dialect
    if not isinstance(document.get("code", ""), str):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/code", "a string")
    raise Unreadable(UnreadableReason.UNDETECTED, expected="a known shape, or name the dialect")


def _is_didcomm2(document: dict[str, object]) -> bool:
    kind, typ = document.get("type"), document.get("typ")
    if typ == "application/didcomm-plain+json":
        return True
    return isinstance(kind, str) and "body" in document and ("id" in document or is_report_type(kind))


def _is_didcomm2_body(document: dict[str, object]) -> bool:
    code = document.get("code")
    if not isinstance(code, str) or not (document.keys() <= _BODY_MEMBERS) or len(document) < 2:
        return False
    return code.partition(".")[0] in SEVERITIES


def _is_canonical(document: dict[str, object]) -> bool:
    return isinstance(document.get("code"), str) and "title" not in document and "status" not in document


def _is_rfc9457(document: dict[str, object]) -> bool:
    named = isinstance(document.get("title"), str) or isinstance(document.get("detail"), str)
    status = document.get("status")
    failed = isinstance(status, int) and 400 <= status <= 599
    return failed or named or (isinstance(document.get("type"), str) and "@type" not in document)


_SHAPES: tuple[tuple[str, Callable[[dict[str, object]], bool]], ...] = (
    ("didcomm-2.0", _is_didcomm2),
    ("didcomm-2.0", _is_didcomm2_body),
    ("canonical", _is_canonical),
    ("rfc9457", _is_rfc9457),
)
