"""The other side of the memory sink: the sink itself, which answers what is lined up."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Self

from tests.connectors.sinks.counterparts.always_there import AlwaysThere
from tocsin.connectors.sinks import Sink, make_sink
from tocsin.connectors.sinks.memory import MemorySink
from tocsin.schemas.events import DeliveryAttempt


class List(AlwaysThere):
    """Each sink that was made is looked into."""

    kind = "memory"

    async def __aenter__(self) -> Self:
        self.settings: dict[str, Any] = {"keep": 1000}
        self._made: list[MemorySink] = []
        return self

    def sink(self) -> Sink:
        made = make_sink(self.kind, self.settings)
        assert isinstance(made, MemorySink)
        self._made.append(made)
        return made

    def taken(self) -> Sequence[Hashable]:
        return [self.form(attempt) for sink in self._made for attempt in sink.attempts]

    def form(self, attempt: DeliveryAttempt) -> Hashable:
        return attempt.delivery_id, attempt.body
