"""Rows of the routing rules."""

from __future__ import annotations

from msgspec import Struct

MAX_SOURCES = 8
"""How many cases one InhibitRow remembers; the earliest are forgotten first."""


class InhibitSource(Struct, frozen=True, array_like=True, gc=False):
    """A case that keeps others quiet until `until` (microseconds) or until it is resolved; `represented_by` is the
    event that was told of it, `both` whether it fits the rule's target as well."""

    case: str
    represented_by: str
    until: int
    both: bool = False


class InhibitRow(Struct, frozen=True, array_like=True, tag="inhibit", gc=False):
    """`inhibit/<tenant>/<rule>/<digest of the equal values>`: the cases that keep lesser problems quiet, `until` the
    last of them ends."""

    sources: tuple[InhibitSource, ...]
    until: int


class PeerRow(Struct, frozen=True, array_like=True, tag="peer", gc=False):
    """`peer/<tenant>/thread|hour/<peer>[/<thread>]`: what a peer was told, of one thread or since `since`; forgotten at
    `until` (microseconds). `silent`: it had the limit notice, or answered a report with a report. Since format 6:
    `told_as`, the family of the last message in which it was told, where that was chosen for it."""

    count: int
    since: int
    until: int
    silent: bool = False
    told_as: str = ""
