"""Commands: acknowledge, resolve, snooze a case, or choose about a time-out."""

from __future__ import annotations

import time
from collections.abc import Mapping

from msgspec import Struct, field

from tocsin.connectors.commands.members import reason, until_of, who, wish_of
from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.members import MAX_ID_LENGTH
from tocsin.connectors.publish.reporting import Origin, event_id
from tocsin.schemas.events import CHOICES, CommandIssued, CommandKind

REMEMBERED = 10_000
"""How many commands whoever stores them remembers, and how many answers, the last ones heard of."""


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The members of a command's document. `until` and `for` say the same in two ways; `instead_of` is whoever has the
    case that is taken over."""

    by: str | None = None
    why: str | None = None
    until: str | None = None
    span: str | None = field(default=None, name="for")
    choice: str | None = None
    instead_of: str | None = None


MEMBERS = Wish.__struct_encode_fields__
"""What the document of a command may have."""


def command_issued(
    kind: CommandKind,
    target: str,
    document: Mapping[str, object],
    origin: Origin,
    *,
    by: str | None = None,
    now: int | None = None,
) -> CommandIssued:
    """The event of a command on `target` (an event id or a case; for a choice also a message or a thread).

    `by` stands where the document does not say who. An idempotency key holds for this kind of command on this target.
    Raises Unreadable: a member that is missing, strange, or not this command's. `now` is in microseconds.
    """
    now = time.time_ns() // 1000 if now is None else now
    wish = wish_of(document, Wish)
    if not 0 < len(target) <= MAX_ID_LENGTH:
        raise Unreadable(UnreadableReason.TOO_LONG, "", f"an id of 1 to {MAX_ID_LENGTH} characters")
    until = _until(kind, wish, now)
    return CommandIssued(
        event_id=event_id(origin.within("command", kind, target)),
        tenant=origin.tenant,
        occurred_at=now,
        recorded_at=now,
        traceparent=origin.traceparent,
        kind=kind,
        target=target,
        by=who(wish.by or by),
        why=reason(wish.why),
        until=until,
        choice=_choice(kind, wish),
    )


def _until(kind: CommandKind, wish: Wish, now: int) -> int | None:
    until = until_of(wish.until, wish.span, now)
    if kind is CommandKind.SNOOZE and until is None:
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/until", "until when, or for how long")
    if kind in (CommandKind.ACKNOWLEDGE, CommandKind.RESOLVE) and until is not None:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/until", f"no time: {kind} has none")
    return until


def _choice(kind: CommandKind, wish: Wish) -> str | None:
    """What is chosen; of an acknowledgement, whom the case is taken over from."""
    if kind is CommandKind.ACKNOWLEDGE and wish.choice is None:
        return None if wish.instead_of is None else who(wish.instead_of)
    if wish.instead_of is not None:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/instead_of", f"no such member: {kind} takes nothing over")
    if kind is not CommandKind.CHOOSE:
        if wish.choice is not None:
            raise Unreadable(UnreadableReason.WRONG_TYPE, "/choice", f"no choice: {kind} has none")
        return None
    if wish.choice not in CHOICES:
        missing = wish.choice is None
        why = UnreadableReason.MISSING_MEMBER if missing else UnreadableReason.WRONG_TYPE
        raise Unreadable(why, "/choice", f"one of {', '.join(CHOICES)}")
    return wish.choice
