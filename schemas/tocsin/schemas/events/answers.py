"""Events of the topic `answers` (key: command): what became of every command."""

from __future__ import annotations

from enum import StrEnum

from tocsin.schemas.events.base import EventBase


class CommandOutcome(StrEnum):
    """What became of a command; `unknown` is what an older reader sees of a newer outcome.

    done: carried out. already_so: nothing had to be done. kept: nothing is known of its target, it waits for that to
    come. not_found: that did not come in time. refused: it cannot be carried out.
    """

    DONE = "done"
    ALREADY_SO = "already_so"
    KEPT = "kept"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class CommandAnswered(EventBase, frozen=True, kw_only=True):
    """What became of the command whose event id is `command`. One that is kept is answered again when what it is about
    has come, or its time is over; the last answer stands. `kind` and `target` are the command's (for an endpoint its
    name), `case` is where it ended, `detail` says more, for a person."""

    command: str
    kind: str
    target: str
    by: str
    outcome: CommandOutcome
    case: str | None = None
    detail: str | None = None
