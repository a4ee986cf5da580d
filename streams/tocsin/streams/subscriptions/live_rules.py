"""The rules file and the subscriptions as one live book: what rules, sinks and metrics of a process go by.

The file wins: a subscription whose name it takes is not in force. Nothing of the file's own depends on a subscription,
and one that cannot be used is left out alone, and noted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from time import time_ns
from typing import Protocol

import structlog
from msgspec import Struct
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


Parts = tuple[str, tuple[str, ...], Endpoint]
"""The event id that an endpoint was built of, what signs at the time, and the endpoint."""


class Live(Struct, frozen=True, kw_only=True):
    """What holds together: `book`, and of what was made while running the wants, and by name what is left out, with its
    tenant and the reason. `until` (microseconds): when a secret ends, so that it must be made anew."""

    book: RuleBook
    subscriptions: tuple[Subscription, ...] = ()
    left_out: Mapping[str, tuple[str, str]] = {}
    built: Mapping[str, Parts] = {}
    until: int | None = None

    @property
    def made(self) -> dict[str, str]:
        """The tenants of the endpoints in `book` that were made while running."""
        return {one.name: one.tenant for one in self.subscriptions}


class LiveRules:
    """`whole` is what holds now, the same object until something changes; `book` and `wanted` are of it."""

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
        self._live = Live(book=rules.book)

    @property
    def whole(self) -> Live:
        """What holds now, the same object until something changes."""
        file, until = self._rules.book, self._live.until
        changed = file is not self._file or self._version != self._learned.version
        if changed or (until is not None and until <= self._now()):
            self._file, self._version = file, self._learned.version
            before, self._live = self._live, self.with_file(file)
            for name, (tenant, why) in self._live.left_out.items():
                if before.left_out.get(name) != (tenant, why):
                    _log.error("subscription not in force", endpoint=name, tenant=tenant, why=why)
        return self._live

    @property
    def book(self) -> RuleBook:
        """The file's rules with the endpoints that were made while running."""
        return self.whole.book

    def wanted(self) -> tuple[Subscription, ...]:
        """What the subscriptions that are in force want; the same tuple until something changes."""
        return self.whole.subscriptions

    def with_file(self, file: RuleBook) -> Live:
        """What would hold with these rules of the file, which may yet be refused: nothing changes by it."""
        now, left_out = self._now(), dict[str, tuple[str, str]]()
        built: dict[str, Parts] = {}
        ends: list[int] = []
        found: list[Subscription] = []
        count: Counter[str] = Counter()
        for event in sorted(self._learned.current(), key=lambda one: (one.created_at or one.recorded_at, one.endpoint)):
            name = event.endpoint
            try:
                if name in file.endpoints:
                    raise SubscriptionUnusable("the rules file has an endpoint of this name, which comes first")
                if count[event.tenant] >= TENANT_SUBSCRIPTIONS or len(found) >= MAX_SUBSCRIPTIONS:
                    raise SubscriptionUnusable("there are too many")
                built[name] = self._one(event, now, ends)
            except SubscriptionUnusable as unusable:
                left_out[name] = event.tenant, str(unusable)
                continue
            count[event.tenant] += 1
            found.append(Subscription(name=name, tenant=event.tenant, match=self._learned.match_of(name)))
        made = {name: behind(file.proxy, one) for name, (_, _, one) in built.items()}
        book = replace(file, endpoints={**made, **file.endpoints}) if made else file
        return Live(
            book=book, subscriptions=tuple(found), left_out=left_out, built=built, until=min(ends, default=None)
        )

    def note(self) -> str | None:
        """For an operator: that subscriptions are not in force, and why the first is not; else None."""
        left_out = self.whole.left_out  # as it is now, also while nothing comes
        if not left_out:
            return None
        name, (_, why) = next(iter(left_out.items()))
        return f"{len(left_out)} subscriptions are not in force: {name}: {why}"

    def _one(self, event: SubscriptionSet, now: int, ends: list[int]) -> Parts:
        """The endpoint of an event, the one that was built before if nothing about it changed; when its secrets end is
        put to `ends`."""
        before = self._live.built.get(event.endpoint)
        if self._sealed:
            same = before is not None and before[0] == event.event_id
            return before if before is not None and same else (event.event_id, (), endpoint_of(event))
        if self._keys is None:
            raise SubscriptionUnusable(NO_KEY)
        sealed = unseal(event, self._keys)
        signing = sealed.signing(now)
        ends += [one.until for one in signing if one.until is not None]
        texts = tuple(one.text for one in signing)
        if before is not None and before[:2] == (event.event_id, texts):
            return before
        return event.event_id, texts, endpoint_of(event, signing, sealed)
