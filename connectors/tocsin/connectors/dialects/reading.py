"""What a reader may say other than "here is the problem"."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from tocsin.schemas.errors import TocsinError


class UnreadableReason(StrEnum):
    """Why a document is not a problem report of its dialect: a closed set, safe as a metric label."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    DUPLICATE_MEMBER = "duplicate_member"
    TOO_MANY_MEMBERS = "too_many_members"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    LONE_SURROGATE = "lone_surrogate"
    WRONG_TYPE = "wrong_type"
    MISSING_MEMBER = "missing_member"
    TOO_LONG = "too_long"
    BAD_CODE = "bad_code"
    UNDETECTED = "undetected"
    UNKNOWN_DIALECT = "unknown_dialect"


SYNTAX_REASONS = frozenset(
    {
        UnreadableReason.EMPTY,
        UnreadableReason.NOT_UTF8,
        UnreadableReason.NOT_JSON,
        UnreadableReason.TOO_DEEP,
        UnreadableReason.DUPLICATE_MEMBER,
        UnreadableReason.TOO_MANY_MEMBERS,
        UnreadableReason.NUMBER_OUT_OF_RANGE,
        UnreadableReason.LONE_SURROGATE,
    }
)
"""The bytes themselves are at fault (HTTP 400), as opposed to a document that breaks its dialect (HTTP 422)."""


class Unreadable(TocsinError):
    """A document that no lenient reader can take: dead-letter it or refuse it, never pass it on as an event.

    `pointer` is an RFC 6901 pointer to the culprit, `expected` says in words what should stand there, `offset` is the
    position in the text where reading stopped, if that is known. None of them quotes the document.
    """

    def __init__(
        self, reason: UnreadableReason, pointer: str = "", expected: str = "", *, offset: int | None = None
    ) -> None:
        super().__init__(reason, pointer, expected)
        self.reason = reason
        self.pointer = pointer
        self.expected = expected
        self.offset = offset

    def __str__(self) -> str:
        where = (
            f" at {self.pointer}" if self.pointer else f" at position {self.offset}" if self.offset is not None else ""
        )
        return f"{self.reason}{where}: expected {self.expected}" if self.expected else f"{self.reason}{where}"


class Unwritable(TocsinError):
    """A problem that a dialect cannot say strictly: `field` is missing, `expected` says what should be there."""

    def __init__(self, dialect: str, field: str, expected: str) -> None:
        super().__init__(dialect, field, expected)
        self.dialect = dialect
        self.field = field
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.dialect} needs {self.field}: {self.expected}"


class NotAProblem(Struct, frozen=True):
    """The document was read and is no problem: a success, a message of another protocol, an object of another kind.
    `why` says which. There is nothing wrong with having sent it here; no event is made of it."""

    dialect: str
    why: str
