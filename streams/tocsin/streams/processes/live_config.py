"""What the rules are told besides the event, while the rules file and the silences change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tocsin.streams.processes.rules_watch import WatchedRules
from tocsin.streams.rules.config import DecideConfig, RuleBook, Silence
from tocsin.streams.rules.decision import BUS
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.settings import Settings


def _none() -> tuple[Silence, ...]:
    return ()


class LiveConfig:
    """Gives the configuration that holds now; made anew only when something changed, for it is asked at every event.
    `silences` gives those that were made while running."""

    def __init__(
        self, settings: Settings, rules: WatchedRules, silences: Callable[[], tuple[Silence, ...]] = _none
    ) -> None:
        self._rules, self._silences = rules, silences
        window = int(settings.dedupe_window * 1e6)
        self._config = DecideConfig(book=rules.book, silences=silences(), dedupe_window=window)

    def __call__(self) -> DecideConfig:
        """The configuration for the next event."""
        book, silences, config = self._rules.book, self._silences(), self._config
        if book is not config.book or silences is not config.silences:
            self._config = config = msgspec.structs.replace(config, book=book, silences=silences)
        return config


class LiveDeliverConfig:
    """The same for `deliver`: the endpoints that the rules file has now."""

    def __init__(self, rules: WatchedRules) -> None:
        self._rules, self._book = rules, rules.book
        self._config = msgspec.structs.replace(DeliverConfig(operators=BUS), **_of_endpoints(rules.book))

    def __call__(self) -> DeliverConfig:
        """The configuration for the next event."""
        book = self._rules.book
        if book is not self._book:
            self._config = msgspec.structs.replace(self._config, **_of_endpoints(book))
            self._book = book
        return self._config


def _of_endpoints(book: RuleBook) -> dict[str, Any]:
    """What `deliver` is told of the endpoints of a rules file."""
    policies = {name: endpoint.delivery for name, endpoint in book.endpoints.items()}
    return {"endpoints": frozenset(policies), "policies": policies}
