"""Subscriptions made while running: the events of `settings`, folded so that every process agrees who won.

Each event names the one that it replaces (`cause`), and holds only if that one held when it was written: of two
writers who knew the same, the first in the topic wins, and the second is told. So each event has a key of its own
(`subscription/NAME/EVENT`), and its id no other write repeats: compaction would otherwise keep the loser, who came
last. Who wins tombstones, in this order, those that lost and the one that it replaced; so whatever compaction leaves
folds to the same.
"""

from __future__ import annotations

import json
import re
from time import time_ns
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tocsin.connectors.publish.reporting import TENANT
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import SubscriptionSet
from tocsin.streams.rules.match import Match, MatcherUnusable
from tocsin.streams.rules.values import DAY, NAME, MatchInFile

SUBSCRIPTION = "subscription/"

KEPT_AFTER_END = DAY
"""How long the end of a subscription is remembered: what a writer who did not know of it writes late stays void."""

TENANT_SUBSCRIPTIONS = 25
"""How many subscriptions a tenant may have at a time."""

MAX_SUBSCRIPTIONS = 1000
"""How many there may be of all tenants: each holds a client of the dispatcher."""

MAX_LOST = 1000
"""How many records of a name that came second are remembered until they are tombstoned."""

MAX_TEXT = 16 * 1024
"""Characters of a match, or of the settings that the rules know."""

_MATCH: TypeAdapter[Match] = TypeAdapter(MatchInFile)


class SubscriptionBroken(TocsinError):
    """An event that can be no subscription, whatever the keys: the message says which part, and quotes nothing."""


def key_of(event: SubscriptionSet) -> str:
    """The key of an event in `settings`."""
    return f"{SUBSCRIPTION}{event.endpoint}/{event.event_id}"


def match_of_text(text: str) -> Match:
    """What a subscription wants. Raises SubscriptionBroken."""
    try:
        return _MATCH.validate_python(mapping_of(text, "match"))
    except (ValidationError, MatcherUnusable):
        raise SubscriptionBroken("its match is none that the rules can use") from None


def mapping_of(text: str, part: str) -> dict[str, Any]:
    """A part of an event that is JSON text of an object. Raises SubscriptionBroken."""
    try:
        found = json.loads(text) if len(text) <= MAX_TEXT else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SubscriptionBroken(f"its {part} is no JSON object of at most {MAX_TEXT} characters")
    return found


class Subscriptions:
    """The subscriptions of `settings` as far as it was read. `version` changes whenever what holds does."""

    def __init__(self, most_lost: int = MAX_LOST) -> None:
        self._held: dict[str, SubscriptionSet] = {}
        self._matches: dict[str, Match] = {}
        self._most_lost = most_lost
        self._lost: dict[str, dict[str, None]] = {}  # that never held, by name, in the order in which they came
        self._replaced: dict[str, dict[str, None]] = {}  # that held
        self._crowded: set[str] = set()  # names with more that lost than are remembered
        self.version = 0

    def learn(self, event: SubscriptionSet) -> bool:
        """Whether an event holds from now on: the one that it replaces did. Raises SubscriptionBroken, and then nothing
        has changed."""
        match = _checked(event)
        name, held = event.endpoint, self._held.get(event.endpoint)
        if held is not None and held.event_id == event.event_id:
            return True
        lost, replaced = self._lost.get(name, {}), self._replaced.get(name, {})
        if held is not None and event.cause != held.event_id:
            if event.event_id not in replaced:
                self._lose(name, event.event_id)
            return False
        for ids in (lost, replaced):  # of a writer that repeats an id: what holds is no longer to be tombstoned
            ids.pop(event.event_id, None)
        if held is not None:
            self._replaced.setdefault(name, {})[held.event_id] = None
        self._held[name], self._matches[name] = event, match
        self.version += 1
        return True

    def forget(self, name: str, event_id: str) -> None:
        """An event whose tombstone was read."""
        for ids in (self._lost, self._replaced):
            if name in ids:
                ids[name].pop(event_id, None)
                if not ids[name]:
                    del ids[name]
        held = self._held.get(name)
        if held is not None and held.event_id == event_id:
            del self._held[name], self._matches[name]
            self.version += 1

    def last(self, name: str) -> SubscriptionSet | None:
        """The event that holds of a name, also one that ended it."""
        return self._held.get(name)

    def find(self, name: str) -> SubscriptionSet | None:
        """The subscription of this name that there is."""
        held = self._held.get(name)
        return None if held is None or held.removed else held

    def current(self) -> list[SubscriptionSet]:
        """All that there are, by name."""
        return [one for _, one in sorted(self._held.items()) if not one.removed]

    def match_of(self, name: str) -> Match:
        """What the subscription of this name wants. Raises KeyError."""
        return self._matches[name]

    def void(self, name: str) -> list[str]:
        """Keys of the records of a name that hold no more, to be tombstoned in this order. One that held stands as long
        as not all that lost to it are known: with it gone, one of them would hold."""
        replaced = () if name in self._crowded else self._replaced.get(name, ())
        return [f"{SUBSCRIPTION}{name}/{event_id}" for event_id in (*self._lost.get(name, ()), *replaced)]

    def ended(self) -> list[str]:
        """Keys of the records of subscriptions that ended long ago, to be tombstoned in this order."""
        now, keys = time_ns() // 1000, []
        for name, held in self._held.items():
            if held.removed and held.recorded_at + KEPT_AFTER_END <= now and name not in self._crowded:
                keys += [*self.void(name), key_of(held)]
        return keys

    def _lose(self, name: str, event_id: str) -> None:
        lost = self._lost.setdefault(name, {})
        if len(lost) < self._most_lost or event_id in lost:
            lost[event_id] = None
        else:
            self._crowded.add(name)  # until a process reads anew what is left then


def place_of(key: str) -> tuple[str, str] | None:
    """The name and the event id of a key, or None for the key of something else."""
    if not key.startswith(SUBSCRIPTION):
        return None
    name, _, event_id = key.removeprefix(SUBSCRIPTION).partition("/")
    return name, event_id


def _checked(event: SubscriptionSet) -> Match:
    if not re.fullmatch(NAME, event.endpoint):
        raise SubscriptionBroken("its endpoint has no name that an endpoint may have")
    if not TENANT.fullmatch(event.tenant):
        raise SubscriptionBroken("its tenant is none that there may be")
    mapping_of(event.config, "config")
    return match_of_text(event.match)
