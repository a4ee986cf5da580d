"""The table of dialects: name -> module, and which dialect a document is in when nobody says. To add one, add its file,
a row here, and its vectors' test."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from tocsin.connectors.dialects.members import fold
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason
from tocsin.schemas.problem import Problem

DIALECTS: dict[str, str] = {
    "canonical": "tocsin.connectors.dialects.canonical",
    "rfc9457": "tocsin.connectors.dialects.rfc9457",
    "didcomm-2.0": "tocsin.connectors.dialects.didcomm2",
    "aries-1.0": "tocsin.connectors.dialects.aries",
    "hipe": "tocsin.connectors.dialects.hipe",
    "jsonrpc": "tocsin.connectors.dialects.jsonrpc",
    "tocsin-notification": "tocsin.connectors.dialects.notification",
    "dwn-status": "tocsin.connectors.dialects.dwn",
    "text": "tocsin.connectors.dialects.text",
}
"""Name of each dialect -> the module that reads and writes it (imported when it is first used)."""

READ_ONLY = ("tocsin-notification", "text")
"""Dialects whose `write` raises Unwritable for every problem."""

FREE_TEXT = frozenset({"rfc9457", "jsonrpc", "dwn-status", "text"})
"""Dialects whose text is written for one occurrence by whoever failed, so that anything may stand in it: peers of less
than high trust are not told it."""

FIXED_TEXT = frozenset({"canonical", "didcomm-2.0", "aries-1.0", "hipe", "tocsin-notification"})
"""The others: their text is a template or a word for the code, and what varies stands in arguments and items."""

WRITTEN = tuple(name for name in DIALECTS if name not in READ_ONLY)
"""Dialects in which a problem can be written."""

ALIASES = {
    "didcomm2": "didcomm-2.0", "didcomm-2": "didcomm-2.0", "didcomm": "didcomm-2.0", "problem+json": "rfc9457",
    "aries": "aries-1.0", "report-problem-1.0": "aries-1.0", "indy-hipe": "hipe", "json-rpc": "jsonrpc",
    "dwn": "dwn-status", "plain": "text", "tocsin": "tocsin-notification",
}  # fmt: skip
"""Other names under which a dialect may be asked for."""

DIALECT_OF_MEDIA_TYPE = {
    "application/problem+json": "rfc9457",
    "application/didcomm-plain+json": "didcomm-2.0",
    "application/vnd.tocsin.problem+json": "canonical",
    "text/plain": "text",
}
"""Media types that name a dialect; `application/json` says nothing, and DIDComm v1 plaintext has no type of its own."""

ORDER = ("hipe", "aries-1.0", "jsonrpc", "tocsin-notification", "didcomm-2.0", "dwn-status", "canonical", "rfc9457")
"""Who is asked first: the dialect whose mark is the more certain (HIPE before the RFC that grew out of it)."""
READ_ANYHOW = ("aries-1.0", "hipe", "jsonrpc", "tocsin-notification", "didcomm-2.0", "dwn-status", "canonical")
"""Who may read a document that has no dialect's shape, in this order: every dialect that does not read any object at
all, as RFC 9457 does when it is named, or no object, as text does."""
UNKNOWN = "unknown"
"""The dialect of an object that is not a problem and of which no more is known."""


class Dialect(Protocol):
    """What the module of a dialect offers."""

    NAME: str

    def read(self, document: object) -> Problem | NotAProblem:
        """The parsed JSON document as a canonical problem. Raises Unreadable and nothing else."""
        ...

    def write(self, problem: Problem) -> dict[str, object]:
        """The problem as a strictly conformant document. Raises Unwritable if the dialect cannot say it."""
        ...

    def looks_like(self, document: dict[str, object]) -> bool:
        """Whether an object has the dialect's shape; total. `ORDER` says who is asked first."""
        ...


@cache
def module_of(name: str) -> Dialect:
    """The module of a dialect of the table. Raises KeyError for any other name."""
    return cast(Dialect, import_module(DIALECTS[name]))


KNOWN_SHAPE = 'a known shape, such as {"title": "The ledger did not answer", "status": 504}; or name the dialect'
"""What is expected of a document in which nothing is recognised."""


def detect(document: object) -> str:
    """The name of the dialect of a parsed document, UNKNOWN if it is something else than a problem. Raises Unreadable.

    An array is a JSON-RPC batch if all its elements look like JSON-RPC; no other dialect has arrays.
    """
    if isinstance(document, list) and document:
        rpc = module_of("jsonrpc")
        if all(isinstance(each, dict) and rpc.looks_like(each) for each in document):
            return "jsonrpc"
    return read_detected(document)[0]


def read_detected(document: object) -> tuple[str, Problem | NotAProblem]:
    """A document and its dialect, when nobody says which: the first whose shape it has and that can read it; else any
    that reads a problem in it, so that nothing is refused that would be read if its dialect were named. An object that
    names its own kind (`type`) is then not a problem. Raises Unreadable: the first refusal by shape, else undetected.
    """
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    refused: dict[str, Unreadable] = {}
    for name in ORDER:
        dialect = module_of(name)
        if not dialect.looks_like(document):
            continue
        try:
            return name, dialect.read(document)
        except Unreadable as unreadable:
            refused[name] = unreadable
    found = _read_anyhow(document, [name for name in READ_ANYHOW if name not in refused])
    if found is not None and isinstance(found[1], Problem):
        return found
    if refused:
        raise next(iter(refused.values()))
    if _names_its_kind(document):
        return UNKNOWN, NotAProblem(UNKNOWN, "an object of another kind")
    if found is not None:
        return found
    if not isinstance(document.get("code", ""), str):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/code", "a string")
    raise Unreadable(UnreadableReason.UNDETECTED, expected=KNOWN_SHAPE)


def _read_anyhow(document: object, names: list[str]) -> tuple[str, Problem | NotAProblem] | None:
    """The document as the first of these dialects that reads a problem in it, else as the first that reads it."""
    first: tuple[str, NotAProblem] | None = None
    for name in names:
        with suppress(Unreadable):
            found = module_of(name).read(document)
            if isinstance(found, Problem):
                return name, found
            first = first or (name, found)
    return first


def _names_its_kind(document: dict[str, object]) -> bool:
    return any(fold(name) in ("type", "@type") and isinstance(value, str) and value for name, value in document.items())
