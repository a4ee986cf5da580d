"""Members of a webhook's body, taken leniently: what cannot be used is left out, and `ignored` says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tocsin.connectors.dialects.members import MAX_ID_LENGTH, names_nothing
from tocsin.connectors.dialects.values import read_time
from tocsin.connectors.publish import InboxEvent
from tocsin.connectors.publish.reporting import FUTURE
from tocsin.connectors.sources.port import Message

Read = tuple[tuple[InboxEvent, ...], tuple[str, ...]]
"""The events of a body, and why parts of it became nothing."""

MAX_WORD, MAX_DID = 128, 4096
"""Characters of a state or a role, and of a DID."""
MAX_TEXT = 4096
"""Characters of an error's text; the rest is cut off."""


class Members:
    """The members of a body, by name; what was asked for and is no such thing is in `odd`."""

    def __init__(self, body: Mapping[str, object]) -> None:
        self._body = body
        self.odd: list[str] = []

    def id(self, *names: str) -> str | None:
        """The first of these that is an id."""
        return self._first(
            names, lambda text: len(text) <= MAX_ID_LENGTH and text.isprintable() and not names_nothing(text)
        )

    def word(self, *names: str) -> str | None:
        """The first of these that is a word: a state, a role."""
        return self._first(names, lambda text: len(text) <= MAX_WORD and text.isprintable())

    def did(self, name: str) -> str | None:
        """A DID; a did:peer:4 in its long form holds a whole document."""
        return self._first((name,), lambda text: len(text) <= MAX_DID and text.isprintable())

    def text(self, name: str) -> str | None:
        """A text, at most MAX_TEXT characters of it."""
        found = self._first((name,), lambda _: True)
        return None if found is None else found[:MAX_TEXT].encode("utf-8", "replace").decode()

    def at(self, name: str) -> int | None:
        """A time, in microseconds; None where there is none that can be."""
        said = self._first((name,), lambda _: True)
        at = None if said is None else read_time(said)[0]
        return at if at is not None and at >= 0 else None

    def _first(self, names: Iterable[str], fits: Callable[[str], bool]) -> str | None:
        for name in names:
            said = self._body.get(name)
            if said is None or said == "":
                continue
            if isinstance(said, str) and fits(said):
                return said
            self.odd.append(name)
        return None

    @property
    def ignored(self) -> tuple[str, ...]:
        """Why parts became nothing."""
        return (f"not usable: {', '.join(self.odd)}",) if self.odd else ()


def occurred(said: int | None, now: int) -> int:
    """When an event happened: the time that its record says, unless that is ahead of us; else now."""
    return said if said is not None and said <= now + FUTURE else now


def common(message: Message, *parts: str) -> dict[str, object]:
    """What every event of a webhook has."""
    return {
        "event_id": message.event_id("acapy", message.topic, *parts),
        "tenant": message.origin.tenant,
        "recorded_at": message.now,
        "traceparent": message.origin.traceparent,
    }
