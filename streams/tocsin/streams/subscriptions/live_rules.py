"""The rules file and the subscriptions as one live book: what rules, sinks and metrics of a process go by.

The file wins: a subscription whose name it takes is not in force. Nothing of the file's own depends on a subscription,
and one that cannot be used is left out alone, and noted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import time_ns
from typing import Protocol

import structlog
from msgspec.structs import replace

from tocsin.connectors.sealing import SealKeys
from tocsin.schemas.events import SubscriptionSet
from tocsin.streams.rules.config import Endpoint, RuleBook, Subscription
from tocsin.streams.rulesfile.endpoints import behind
from tocsin.streams.silences.subscriptions import MAX_SUBSCRIPTIONS, TENANT_SUBSCRIPTIONS, Subscriptions
from tocsin.streams.subscriptions.endpoints import SubscriptionUnusable, endpoint_of, unseal

_log = structlog.get_logger("tocsin.subscriptions")

NO_KEY = "its settings are sealed, and TOCSIN_SEAL_KEY is not set here"


class FileRules(Protocol):
    """Whoever has the rules that hold now, such as a WatchedRules."""

    @property
    def book(self) -> RuleBook:
        """The same object until something changes."""
        ...


class LiveRules:
    """`book` is what holds now, the same object until something changes; `subscriptions` what they want."""

    def __init__(
        self,
        rules: FileRules,
        subscriptions: Subscriptions,
        keys: SealKeys | None = None,
        *,
        sealed: bool = False,
        now: Callable[[], int] = lambda: time_ns() // 1000,
    ) -> None:
        """`sealed`: the settings of sinks stay sealed, as in a worker, which needs none. `now` is in microseconds."""
        self._rules, self._learned, self._keys, self._sealed, self._now = rules, subscriptions, keys, sealed, now
        self._file: RuleBook | None = None
        self._version = -1
        self._until: int | None = None
        self._built: dict[str, tuple[str, tuple[str, ...], Endpoint]] = {}
        self._book = rules.book
        self.subscriptions: tuple[Subscription, ...] = ()
        self.left_out: dict[str, str] = {}

    @property
    def book(self) -> RuleBook:
        """The file's rules with the endpoints that were made while running."""
        file = self._rules.book
        changed = file is not self._file or self._version != self._learned.version
        if changed or (self._until is not None and self._until <= self._now()):
            self._file, self._version = file, self._learned.version
            self._book = self.with_file(file)
        return self._book

    @property
    def made(self) -> frozenset[str]:
        """The names in `book` of endpoints that were made while running."""
        return frozenset(self._built)

    def wanted(self) -> tuple[Subscription, ...]:
        """What the subscriptions that are in force want; the same tuple until something changes."""
        self.book  # noqa: B018 - makes both anew
        return self.subscriptions

    def with_file(self, file: RuleBook) -> RuleBook:
        """The book as it would be with these rules of the file."""
        now, before = self._now(), self.left_out
        self._until, self.left_out = None, {}
        built: dict[str, tuple[str, tuple[str, ...], Endpoint]] = {}
        found: list[Subscription] = []
        count: Counter[str] = Counter()
        for event in sorted(self._learned.current(), key=lambda one: (one.created_at or one.recorded_at, one.endpoint)):
            name = event.endpoint
            try:
                if name in file.endpoints:
                    raise SubscriptionUnusable("the rules file has an endpoint of this name, which comes first")
                if count[event.tenant] >= TENANT_SUBSCRIPTIONS or len(found) >= MAX_SUBSCRIPTIONS:
                    raise SubscriptionUnusable("there are too many")
                built[name] = self._one(event, now)
            except SubscriptionUnusable as unusable:
                self.left_out[name] = str(unusable)
                if before.get(name) != str(unusable):
                    _log.error("subscription not in force", endpoint=name, tenant=event.tenant, why=str(unusable))
                continue
            count[event.tenant] += 1
            found.append(Subscription(name=name, tenant=event.tenant, match=self._learned.match_of(name)))
        self._built, self.subscriptions = built, tuple(found)
        if not built:
            return file
        made = {name: behind(file.proxy, one) for name, (_, _, one) in built.items()}
        return replace(file, endpoints={**made, **file.endpoints})

    def note(self) -> str | None:
        """For an operator: that subscriptions are not in force, and why the first is not; else None."""
        self.book  # noqa: B018 - as it is now, also while nothing comes
        if not self.left_out:
            return None
        name, why = next(iter(self.left_out.items()))
        return f"{len(self.left_out)} subscriptions are not in force: {name}: {why}"

    def _one(self, event: SubscriptionSet, now: int) -> tuple[str, tuple[str, ...], Endpoint]:
        """The endpoint of an event, the one that was built before if nothing about it changed."""
        before = self._built.get(event.endpoint)
        if self._sealed:
            same = before is not None and before[0] == event.event_id
            return before if before is not None and same else (event.event_id, (), endpoint_of(event))
        if self._keys is None:
            raise SubscriptionUnusable(NO_KEY)
        sealed = unseal(event, self._keys)
        signing = sealed.signing(now)
        ends = [one.until for one in signing if one.until is not None]
        self._until = min([*ends, *([] if self._until is None else [self._until])], default=None)
        texts = tuple(one.text for one in signing)
        if before is not None and before[:2] == (event.event_id, texts):
            return before
        return event.event_id, texts, endpoint_of(event, signing, sealed)
