"""Which dialect a document is in, when nobody says: by media type, else by shape (first match wins)."""

from __future__ import annotations

from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason
from tocsin.connectors.dialects.table import module_of

ALIASES = {
    "didcomm2": "didcomm-2.0", "didcomm-2": "didcomm-2.0", "didcomm": "didcomm-2.0", "problem+json": "rfc9457",
    "aries": "aries-1.0", "report-problem-1.0": "aries-1.0", "indy-hipe": "hipe", "json-rpc": "jsonrpc",
    "dwn": "dwn-status", "tocsin": "tocsin-notification",
}  # fmt: skip
"""Other names under which a dialect may be asked for."""

DIALECT_OF_MEDIA_TYPE = {
    "application/problem+json": "rfc9457",
    "application/didcomm-plain+json": "didcomm-2.0",
    "application/vnd.tocsin.problem+json": "canonical",
}
"""Media types that name a dialect; `application/json` says nothing, and DIDComm v1 plaintext has no type of its own."""

ORDER = ("hipe", "aries-1.0", "jsonrpc", "tocsin-notification", "didcomm-2.0", "dwn-status", "canonical", "rfc9457")
"""Who is asked first: the dialect whose mark is the more certain (HIPE before the RFC that grew out of it)."""


def detect(document: object) -> str:
    """The name of the dialect of a parsed document. Raises Unreadable(undetected) when no shape fits.

    An array is a JSON-RPC batch if all its elements look like JSON-RPC; no other dialect has arrays.
    """
    if isinstance(document, list) and document:
        rpc = module_of("jsonrpc")
        if all(isinstance(each, dict) and rpc.looks_like(each) for each in document):
            return "jsonrpc"
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    for dialect in ORDER:
        if module_of(dialect).looks_like(document):
            return dialect
    if not isinstance(document.get("code", ""), str):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/code", "a string")
    raise Unreadable(UnreadableReason.UNDETECTED, expected="a known shape, or name the dialect")
