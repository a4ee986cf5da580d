"""Silences as people make them: what fits all matchers tells nobody until its end."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec
from msgspec import Struct, field

from tocsin.connectors.commands.members import moment_of, reason, until_of, who, wish_of
from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.publish.reporting import Origin, event_id
from tocsin.schemas.events import Matcher, MatchOperator, SilenceSet
from tocsin.schemas.ids import derived_id

SILENCE_FIELDS = (
    "code", "severity", "protocol", "category", "scope", "trust", "record_type", "record_id", "connection",
    "thread_id", "service", "sender", "text",
)  # fmt: skip
"""What a matcher may ask of."""

BY_TOKENS = ("code", "category")
"""Fields that `prefix` is for: whole tokens."""

MAX_MATCHERS = 10
MAX_VALUE = 255
"""Characters of what a matcher compares with."""


class _Document(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    matchers: list[Matcher]
    by: str | None = None
    why: str | None = None
    starts_at: str | None = None
    until: str | None = None
    span: str | None = field(default=None, name="for")


def silence_set(
    document: Mapping[str, object], origin: Origin, *, by: str | None = None, now: int | None = None
) -> SilenceSet:
    """The event of a new silence of the origin's tenant. Raises Unreadable naming the member; whether the rules can use
    its matchers (a regular expression, for one) is for the bus to say. `now` is in microseconds."""
    now = time.time_ns() // 1000 if now is None else now
    wish = wish_of(document, _Document)
    ends_at = until_of(wish.until, wish.span, now)
    if ends_at is None:
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/until", "until when, or for how long")
    starts_at = now if wish.starts_at is None else moment_of(wish.starts_at, "/starts_at")
    if starts_at >= ends_at:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/starts_at", "a time before its end")
    ident = event_id(origin.within("silence"))
    return SilenceSet(
        event_id=ident,
        tenant=origin.tenant,
        occurred_at=now,
        recorded_at=now,
        traceparent=origin.traceparent,
        silence=ident,
        matchers=_checked(wish.matchers),
        starts_at=starts_at,
        ends_at=ends_at,
        by=who(wish.by or by),
        why=reason(wish.why),
    )


def ended_silence(silence: SilenceSet, by: str | None, why: str | None = None, *, now: int | None = None) -> SilenceSet:
    """The event that ends a silence before its time; the same end is the same event. Raises Unreadable: nobody says
    so."""
    now = time.time_ns() // 1000 if now is None else now
    return msgspec.structs.replace(
        silence,
        event_id=derived_id("silence-ended", silence.silence),
        occurred_at=now,
        recorded_at=now,
        cause=silence.event_id,
        by=who(by),
        why=reason(why),
        removed=True,
    )


def _checked(matchers: list[Matcher]) -> list[Matcher]:
    """Raises Unreadable: a silence for everything, a field or an operator that is none, an empty or endless value."""
    if not 0 < len(matchers) <= MAX_MATCHERS:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/matchers", f"1 to {MAX_MATCHERS} matchers")
    for number, each in enumerate(matchers):
        at = f"/matchers/{number}"
        if each.field not in SILENCE_FIELDS:
            raise Unreadable(UnreadableReason.WRONG_TYPE, f"{at}/field", f"one of {', '.join(SILENCE_FIELDS)}")
        if each.operator is MatchOperator.UNKNOWN:
            known = ", ".join(one for one in MatchOperator if one is not MatchOperator.UNKNOWN)
            raise Unreadable(UnreadableReason.WRONG_TYPE, f"{at}/operator", f"one of {known}")
        if each.operator is MatchOperator.PREFIX and each.field not in BY_TOKENS:
            raise Unreadable(UnreadableReason.WRONG_TYPE, f"{at}/operator", f"prefix only for {', '.join(BY_TOKENS)}")
        if not 0 < len(each.value) <= MAX_VALUE:
            raise Unreadable(UnreadableReason.TOO_LONG, f"{at}/value", f"1 to {MAX_VALUE} characters")
    return matchers
