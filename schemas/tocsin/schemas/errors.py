"""Everything that Tocsin raises on purpose.

TocsinError                       the root: catch it to catch all of ours
|- Undecodable                    bytes from outside that are not an event (reason: UndecodableReason)
|- Unencodable                    an event that its schema cannot carry (reason: UnencodableReason)
|- SchemaRefused                  a schema text that must not be used (findings say where and why)
`- RegistryRefused                a registry look-up without an answer (Confluent error code)
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class TocsinError(Exception):
    """The root of every exception that Tocsin raises on purpose."""


class UndecodableReason(StrEnum):
    """Why bytes are not an event: a closed set, safe as a metric label."""

    EMPTY = "empty"
    NOT_FRAMED = "not_framed"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNKNOWN_OWN_SCHEMA = "unknown_own_schema"
    TRUNCATED = "truncated"
    TRAILING_BYTES = "trailing_bytes"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    WRONG_TYPE = "wrong_type"


class UnencodableReason(StrEnum):
    """Why an event has no bytes: a closed set, safe as a metric label."""

    NOT_AN_EVENT = "not_an_event"
    BREAKS_SCHEMA = "breaks_schema"
    TOO_LARGE = "too_large"


class Undecodable(TocsinError):
    """Bytes that are not an event. The only exception of `tocsin.schemas.codec.decode`, whatever the bytes."""

    def __init__(self, reason: UndecodableReason, detail: str, schema_id: int | None = None) -> None:
        super().__init__(reason, detail, schema_id)
        self.reason = reason
        self.detail = detail
        self.schema_id = schema_id

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class Unencodable(TocsinError):
    """An event that cannot be written: not one of ours, a value its schema cannot carry, or more bytes than allowed."""

    def __init__(self, reason: UnencodableReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class SchemaRefused(TocsinError):
    """A schema text that must not be used; `findings` are lines of `where: why`."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__(tuple(findings))
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return "; ".join(self.findings)


class RegistryRefused(TocsinError):
    """A registry look-up without an answer: HTTP `status` and Confluent `error_code` (40401 subject, 40402 version,
    40403 schema, 42202 version not a number)."""

    def __init__(self, status: int, error_code: int, message: str) -> None:
        super().__init__(status, error_code, message)
        self.status = status
        self.error_code = error_code
        self.message = message

    def __str__(self) -> str:
        return f"{self.error_code}: {self.message}"
