"""Plain text, and the bare JSON strings that jobs leave behind (a `ZIO.Failure` as a string): a problem that has only a
text. Nothing marks such a document, so it is read only when its media type (`text/plain`) or `?dialect=text` says so.
"""

from __future__ import annotations

from tocsin.connectors.dialects.json_text import MAX_DOCUMENT, parse_json
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason, Unwritable
from tocsin.schemas.problem import Problem, Severity, Violation

NAME = "text"
MAX_TEXT = 4096
"""A longer text is flagged, as in the other dialects."""


def decode(raw: bytes, *, max_bytes: int = MAX_DOCUMENT) -> str:
    """The text of a document's bytes: what a JSON string says, else the bytes as UTF-8. Raises Unreadable."""
    if len(raw) > max_bytes:
        raise Unreadable(UnreadableReason.TOO_LARGE, expected=f"at most {max_bytes} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(UnreadableReason.NOT_UTF8, expected="UTF-8", offset=error.start) from None
    if text.lstrip().startswith('"'):
        try:
            parsed = parse_json(raw, max_bytes=max_bytes)
        except Unreadable:
            return text
        return parsed if isinstance(parsed, str) else text
    return text


def read(document: object) -> Problem | NotAProblem:
    """A text as a problem without a code: an error, as a DIDComm v1 report without one is. Raises Unreadable: no text,
    or nothing in it."""
    if not isinstance(document, str):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="a text")
    text = document.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
    if not text:
        raise Unreadable(UnreadableReason.EMPTY, expected="a text")
    violations = [Violation(rule="text-too-long")] if len(text) > MAX_TEXT else []
    return Problem(
        dialect=NAME, conformant=not violations, violations=violations, code="", severity=Severity.ERROR, text=text
    )


def write(problem: Problem) -> dict[str, object]:
    """Always raises Unwritable: a text is no object, and says less than any dialect."""
    raise Unwritable(NAME, "document", "a dialect whose documents are objects")


def looks_like(document: dict[str, object]) -> bool:
    """Never: an object is no text."""
    return False
