"""The values of rules, and how a rules file writes each: names, texts, durations, times. Times are in microseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema

from tocsin.connectors.sections import Listed, ReadAs, Section, Text, unfit
from tocsin.streams.rules.expression import MAX_LENGTH, check_expression
from tocsin.streams.rules.expression_syntax import ExpressionRefused
from tocsin.streams.rules.match import Match

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

LONGEST = 400 * DAY
"""The longest duration."""

MAX_ENDPOINTS = 100
"""Endpoints in one file, and so the most that one problem can be told to."""

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
"""Name of an endpoint, a route, a policy, ...: it becomes a Kafka key and a metric label."""

Names = Annotated[tuple[Name, ...], Listed(str, min_length=1, max_length=MAX_ENDPOINTS)]
Texts = Annotated[tuple[Text, ...], Listed(str, max_length=100)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Severity = Annotated[str, ReadAs(Literal["error", "warning", "unknown"], str)]

_UNITS = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": SECOND // 1000}
_PARTS = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_DURATION = r"^([0-9]{1,9}(ms|s|m|h|d))+$|^0$"


def read_duration(value: Any) -> int:
    """Microseconds of `30s`, `15m`, `1h30m`, 0, ...; raises ValueError."""
    if value == 0 and not isinstance(value, bool):
        return 0
    if not isinstance(value, str) or not re.fullmatch(_DURATION, value):
        raise ValueError("a duration is a number and ms, s, m, h or d, such as 30s, 15m or 1h30m (or 0)")
    micros = sum(int(number) * _UNITS[unit] for number, unit in _PARTS.findall(value))
    if micros > LONGEST:
        raise ValueError("a duration is at most 400d")
    return micros


class RateLimit(Struct, frozen=True):
    """At most `count` in any `per` (microseconds)."""

    count: int
    per: int

    def __str__(self) -> str:
        return f"{self.count}/{next(unit for unit, length in _UNITS.items() if length == self.per)}"


_RATE = re.compile(r"([1-9][0-9]{0,4})/([smh])")


def read_rate(value: Any) -> RateLimit:
    """A rate as `10/s`, `300/m` or `1000/h` says it; raises ValueError."""
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a rate is a number from 1 to 99999 and /s, /m or /h, such as 10/s or 300/m")
    return RateLimit(int(found[1]), _UNITS[found[2]])


def written_duration(micros: int) -> str | int:
    """A duration as a rules file has it; whole milliseconds."""
    written = ""
    for unit, length in _UNITS.items():
        count, micros = divmod(micros, length)
        written += f"{count}{unit}" if count else ""
    return written or 0


def read_instant(value: Any) -> int:
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


def _positive(value: int) -> int:
    if value <= 0:
        raise ValueError("this duration cannot be 0")
    return value


Duration = Annotated[
    int,
    BeforeValidator(read_duration),
    PlainSerializer(written_duration),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": _DURATION}, {"const": 0}]}),
]
Span = Annotated[Duration, AfterValidator(_positive)]
"""A duration that is not 0."""

Delays = Annotated[
    tuple[Duration, ...],
    Listed(min_length=1, max_length=50),
    PlainSerializer(lambda delays: [written_duration(delay) for delay in delays]),
]
Rate = Annotated[
    RateLimit, ReadAs(Annotated[Any, WithJsonSchema({"type": "string", "pattern": f"^{_RATE.pattern}$"})], read_rate)
]

Instant = Annotated[int, BeforeValidator(read_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time since the epoch."""


def _whole_tokens(code: str) -> str:
    if not code.strip() or (":" not in code and (code.startswith(".") or code.endswith(".") or ".." in code)):
        raise ValueError("a code prefix is whole tokens, such as e.p.xfer, without a dot at its ends")
    return code


Codes = Annotated[tuple[Annotated[Text, AfterValidator(_whole_tokens)], ...], Listed(str, max_length=100)]
"""Leading whole tokens of codes."""

DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[DayName, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Days = Annotated[
    tuple[Annotated[int, ReadAs(DayName, _DAYS.index)], ...],
    Listed(str, min_length=1),
    AfterValidator(lambda days: () if len(set(days)) == len(_DAYS) else tuple(sorted(set(days)))),
]
"""Days of the week by number, 0 is Monday; none stands for all."""


def _in_year(month: int) -> int:
    if not 1 <= month <= 12:
        raise ValueError("a month is a number from 1 to 12")
    return month


Months = Annotated[
    tuple[Annotated[int, AfterValidator(_in_year)], ...],
    Listed(),
    AfterValidator(lambda given: tuple(sorted(set(given)))),
]
"""Months from 1 to 12; none stands for all."""

CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


Clock = Annotated[
    int,
    ReadAs(Annotated[str, StringConstraints(pattern=CLOCK)], _minutes),
    PlainSerializer(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}"),
]
"""A time of the day, HH:MM in the file: minutes since midnight."""


def _known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        raise unfit(f"there is no time zone {zone}", "an IANA name, such as Europe/Zurich") from None
    return zone


Zone = Annotated[Text, AfterValidator(_known_zone)]


def _an_address(pattern: str) -> str:
    if not pattern.startswith(("mailto:", "https://")):
        raise ValueError("an escalation URI begins with mailto: or https://")
    if "*" in pattern[:-1] or pattern in ("mailto:*", "https://*"):
        raise ValueError("only the end may be *, and not of the whole")
    if pattern.endswith("*") and pattern.startswith("https://") and "/" not in pattern.removeprefix("https://"):
        # https://desk.example* would fit https://desk.example.elsewhere/, and a peer says where
        raise ValueError("the host stands there whole, such as https://desk.example/*")
    return pattern


Uris = Annotated[tuple[Annotated[Text, AfterValidator(_an_address)], ...], Listed(str, max_length=100)]
"""Addresses for escalations: whole, or ending in * ."""


Languages = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}$")], ...],
    Listed(str, max_length=10),
]
"""Languages as BCP 47 writes them: `fr`, `de-CH`."""

LANGUAGES = "Languages of title, explanation and fix hint, the best first: [fr, en]."
"""What they are for, in the rules file's words."""

Identical = Literal[
    "code", "scope", "thread", "connection", "peer", "protocol", "source", "record", "job", "instance", "text",
]  # fmt: skip
"""What two problems may be compared by."""

GroupBy = Literal[
    "code", "category", "severity", "scope", "protocol", "connection", "peer", "thread", "parent", "record", "service",
    "job", "wallet", "trust", "tenant",
]  # fmt: skip
"""What problems may be grouped by, or have in common in an inhibition."""

GroupBys = Annotated[
    tuple[GroupBy, ...],
    Listed(str, min_length=1, max_length=10),
    AfterValidator(lambda given: tuple(dict.fromkeys(given))),
]

Impact = Literal["none", "normal", "at_once"]
"""What a problem's impact does to an escalation: none, the policy as it is, or the first step without its wait."""

IMPACT: Mapping[str, Impact] = {"connection": "at_once"}
Impacts = Annotated[
    Mapping[Annotated[str, ReadAs(Literal["message", "thread", "connection", "protocol"], str)], Impact],
    AfterValidator(lambda given: {**IMPACT, **given}),
]


def _usable(expression: str) -> str:
    try:
        check_expression(expression)
    except ExpressionRefused as refused:
        raise unfit(f"this is not a usable CEL expression: {refused}", refused.expected, refused.remedy) from None
    return expression


Expression = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH), AfterValidator(_usable)]


class MatchSection(Section, frozen=True, kw_only=True):
    """What is asked of a problem. Entries of one list are alternatives; all lists that are given must fit."""

    code: Annotated[Codes, "Code prefixes by whole tokens: e.p.xfer fits e.p.xfer.cant-use."] = ()
    tenant: Annotated[Texts, "Tenants."] = ()
    severity: Annotated[tuple[Severity, ...], Listed(str), "error, warning or unknown."] = ()
    protocol: Annotated[Texts, "Protocols: issue-credential, or a PIURI with or without version."] = ()
    category: Annotated[Texts, "Categories, by whole tokens: xfer, me.res."] = ()
    scope: Annotated[Texts, "Scopes: protocol, message, a state, ..."] = ()
    trust: Annotated[Texts, "Trust of the connection as last told: low, high, unknown, ..."] = ()
    record_type: Annotated[Texts, "Types of the record it is about."] = ()
    connection: Annotated[Texts, "Connections."] = ()
    expr: Annotated[Expression, "CEL over the problem, for what is left."] = ""


MatchInFile = Annotated[Match, ReadAs(MatchSection, lambda section: Match.of(**msgspec.structs.asdict(section)))]
"""A match as a rules file writes it."""
