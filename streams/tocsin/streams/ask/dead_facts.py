"""A dead letter with its bytes, and what a replay comes to: what a route needs of whoever reads `dead` (a port)."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from msgspec import Struct


class LettersAway(Exception):
    """The letters cannot be read now."""


class ShownLetter(Struct, frozen=True, kw_only=True):
    """One letter. `tenant` is whose it is, by the event in it, or by what its headers claim where it holds none that
    can be read (`claimed`); None: nobody can say. `fields` are those of `tocsin dead show`; `content` is the event
    without its secrets, or else `text`, the beginning of its bytes, printable."""

    tenant: str | None
    claimed: bool
    fields: dict[str, Any]
    headers: dict[str, str]
    content: dict[str, Any] | None
    text: str | None
    replayed: bool
    refusal: str | None


class ReplayOutcome(Struct, frozen=True, kw_only=True):
    """What a replay came to. `detail` is a sentence for who asked; `refused`: nothing was written."""

    outcome: Literal["replayed", "already_so", "refused", "not_found"]
    detail: str
    topic: str | None = None


class DeadPort(Protocol):
    """Where dead letters are read and replayed: the topic `dead` in a running bus."""

    async def letter(self, partition: int, offset: int) -> ShownLetter | None:
        """The letter, of whatever tenant; None when there is none. Raises LettersAway."""
        ...

    async def replay(self, partition: int, offset: int, by: str, *, tenant: str | None, again: bool) -> ReplayOutcome:
        """Write it to its topic once more and note that. With a `tenant` only what is a report, an activity, a command
        about a case or a delivery of that tenant; `again`: also what was replayed already. Raises LettersAway:
        nothing was written; PublishUnconfirmed: it may be."""
        ...
