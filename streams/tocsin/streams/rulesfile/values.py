"""The values of a rules file: names, texts, lists of one, durations, times; each with its JSON Schema."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from tocsin.streams.rules.spans import DAY, HOUR, MINUTE, SECOND

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
"""Name of an endpoint, a route, a policy, ...: it becomes a Kafka key and a metric label."""

MAX_ENDPOINTS = 100
"""Endpoints in one file, and so the most that one problem can be told to (RELIABILITY 3.4 fan-out)."""

LONGEST = 400 * DAY
"""The longest duration (microseconds)."""

_PARTS = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNITS = {"ms": SECOND // 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION = r"^([0-9]{1,9}(ms|s|m|h|d))+$|^0$"


class Strict(BaseModel):
    """Every section: unknown keys are refused, nothing is converted, and no value shows in an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _whole_tokens(code: str) -> str:
    if not code.strip() or (":" not in code and (code.startswith(".") or code.endswith(".") or ".." in code)):
        raise ValueError("a code prefix is whole tokens, such as e.p.xfer, without a dot at its ends")
    return code


def _micros(value: Any) -> Any:
    """Microseconds; raises ValueError for what is no duration."""
    if value == 0 and not isinstance(value, bool):
        return 0
    if not isinstance(value, str) or not re.fullmatch(_DURATION, value):
        raise ValueError("a duration is a number and ms, s, m, h or d, such as 30s, 15m or 1h30m (or 0)")
    micros = sum(int(number) * _UNITS[unit] for number, unit in _PARTS.findall(value))
    if micros > LONGEST:
        raise ValueError("a duration is at most 400d")
    return micros


def _instant(value: Any) -> Any:
    """Microseconds since the epoch of an RFC 3339 time; raises ValueError."""
    found = None
    if isinstance(value, str) and re.fullmatch(
        r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", value
    ):
        try:
            found = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            found = None
    if found is None or found.year < 1970:
        raise ValueError("a time is written as in RFC 3339, with its zone, such as 2026-12-24T18:00:00Z")
    return int(found.timestamp()) * SECOND + found.microsecond


Duration = Annotated[
    int,
    BeforeValidator(_micros),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": _DURATION}, {"const": 0}]}),
]
"""`30s`, `15m`, `4h`, `2d`, `1h30m` or 0, as microseconds."""


def _positive(value: int) -> int:
    if value <= 0:
        raise ValueError("this duration cannot be 0")
    return value


Span = Annotated[Duration, AfterValidator(_positive)]
"""A duration that is not 0."""

Instant = Annotated[int, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time, as microseconds since the epoch."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Texts = Annotated[
    list[Text], Field(max_length=100), BeforeValidator(_one_or_many, json_schema_input_type=Text | list[Text])
]
"""A list of strings, or one string for a list of one."""

Code = Annotated[Text, AfterValidator(_whole_tokens)]
Codes = Annotated[
    list[Code], Field(max_length=100), BeforeValidator(_one_or_many, json_schema_input_type=Code | list[Code])
]
Names = Annotated[
    list[Name],
    Field(min_length=1, max_length=MAX_ENDPOINTS),
    BeforeValidator(_one_or_many, json_schema_input_type=Name | list[Name]),
]
Severity = Literal["error", "warning", "unknown"]
Severities = Annotated[list[Severity], BeforeValidator(_one_or_many, json_schema_input_type=Severity | list[Severity])]
