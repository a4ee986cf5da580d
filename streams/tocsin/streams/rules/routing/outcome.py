"""What routing says of a problem."""

from __future__ import annotations

from msgspec import Struct


class Withheld(Struct, frozen=True):
    """Why nobody is told of a problem: the reason of its suppression, what decided, the event that stands for it."""

    reason: str
    detail: str
    survivor: str | None = None


class Window(Struct, frozen=True, kw_only=True):
    """A group of which something is told now: until `until` (microseconds) the rest of it waits for a digest."""

    group: str
    route: str
    endpoints: tuple[str, ...]
    until: int
    interval: int


class Reminder(Struct, frozen=True, kw_only=True):
    """A route that wants to be told again after `every` microseconds."""

    route: str
    endpoints: tuple[str, ...]
    every: int


class Routing(Struct, frozen=True):
    """Where a problem goes and why: `routes` are the paths of the routes that matched, for people to read; `policies`
    the escalation policies that they name. `last_word` are those of `endpoints` that are told, in its place, that they
    have been told too much."""

    endpoints: tuple[str, ...]
    routes: tuple[str, ...]
    unrouted: bool = False
    policies: tuple[str, ...] = ()
    withheld: Withheld | None = None
    last_word: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    reminder: Reminder | None = None
