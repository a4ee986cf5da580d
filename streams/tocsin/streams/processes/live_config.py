"""What the rules are told besides the event, while the rules file and the silences change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tocsin.streams.rules.config import DecideConfig, RuleBook, Silence, Subscription
from tocsin.streams.rules.decision import BUS
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.settings import Settings
from tocsin.streams.subscriptions.live_rules import FileRules


def _none() -> tuple[Any, ...]:
    return ()


class LiveConfig:
    """Gives the configuration that holds now; made anew only when something changed, for it is asked at every event.
    `silences` and `subscriptions` give those that were made while running."""

    def __init__(
        self,
        settings: Settings,
        rules: FileRules,
        silences: Callable[[], tuple[Silence, ...]] = _none,
        subscriptions: Callable[[], tuple[Subscription, ...]] = _none,
    ) -> None:
        self._rules, self._silences, self._subscriptions = rules, silences, subscriptions
        window = int(settings.dedupe_window * 1e6)
        self._config = DecideConfig(
            book=rules.book, silences=silences(), subscriptions=subscriptions(), dedupe_window=window
        )

    def __call__(self) -> DecideConfig:
        """The configuration for the next event."""
        book, silences, config = self._rules.book, self._silences(), self._config
        if book is not config.book or silences is not config.silences:
            self._config = config = msgspec.structs.replace(
                config, book=book, silences=silences, subscriptions=self._subscriptions()
            )
        return config


class LiveDeliverConfig:
    """The same for `deliver`: the endpoints that there are now. All but those of `subscriptions` are the operators'."""

    def __init__(self, rules: FileRules, subscriptions: Callable[[], tuple[Subscription, ...]] = _none) -> None:
        self._rules, self._book, self._subscriptions = rules, rules.book, subscriptions
        self._config = msgspec.structs.replace(
            DeliverConfig(operators=BUS), **_of_endpoints(rules.book, subscriptions())
        )

    def __call__(self) -> DeliverConfig:
        """The configuration for the next event."""
        book = self._rules.book
        if book is not self._book:
            self._config = msgspec.structs.replace(self._config, **_of_endpoints(book, self._subscriptions()))
            self._book = book
        return self._config


def _of_endpoints(book: RuleBook, subscriptions: tuple[Subscription, ...]) -> dict[str, Any]:
    """What `deliver` is told of the endpoints."""
    policies = {name: endpoint.delivery for name, endpoint in book.endpoints.items()}
    endpoints = frozenset(policies)
    of_operators = endpoints.difference(one.name for one in subscriptions)
    recipients = {name: book.endpoints[name].recipient for name in book.by_didcomm}
    by_peer = frozenset(name for name, one in recipients.items() if one is not None and one.is_other_side)
    return {"endpoints": endpoints, "policies": policies, "of_operators": of_operators, "by_peer": by_peer}
