"""The subscriber behind which stands a list, for tests of handlers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from tocsin.connectors.subscribe.handling import Handler, Handling, NotDone
from tocsin.connectors.subscribe.received import Received
from tocsin.connectors.subscribe.retries import USUAL, Retries
from tocsin.connectors.subscribe.told import Iterated
from tocsin.connectors.subscribe.wanted import Wanted
from tocsin.schemas.events import Event


class MemorySubscriber(Iterated):
    """Gives `events` to a handler, or to who iterates, as a Subscriber with the same settings would: filtered, tried
    again (without waiting; `waited` keeps how long it would have), put aside. Ends with the last one. `dead` keeps what
    was put aside: the event, the reason, the detail."""

    def __init__(
        self,
        events: Iterable[Event | Received],
        *,
        retries: Retries = USUAL,
        timeout: float | None = None,
        **wanted: Any,
    ) -> None:
        """`wanted`: kinds, codes, tenants, severities, topics, as of Subscriber. Raises ValueError."""
        self.group = "memory"
        self._wanted = Wanted(**wanted)
        self.events = deque(_received(event, number) for number, event in enumerate(events))
        self.dead: list[tuple[Received, str, str]] = []
        self.waited: list[float] = []
        self._retries, self._timeout = retries, timeout
        self._handling: Handling | None = None
        self._stopped = False

    async def run(self, handler: Handler) -> None:
        """As Subscriber.run, until `events` is empty: what is done is taken out of it."""
        handling = self._handling = Handling(handler, retries=self._retries, timeout=self._timeout, sleep=self._wait)
        while self.events and not self._stopped:
            told = self.events[0]
            if self._wanted.wants(told.event):
                try:
                    await handling.handle(told, partial(self._bury, told))
                except NotDone:
                    return
            self.events.popleft()

    def stop(self) -> None:
        """As Subscriber.stop."""
        self._stopped = True

    def lag(self) -> dict[tuple[str, int], int]:
        """How many events are left."""
        return {("memory", 0): len(self.events)}

    def trouble(self) -> str | None:
        """Nothing is waited for."""
        return None

    def counts(self) -> Mapping[str, int]:
        """As Subscriber.counts."""
        return {} if self._handling is None else self._handling.counts()

    async def _bury(self, told: Received, reason: str, detail: str) -> None:
        self.dead.append((told, reason, detail))

    async def _wait(self, seconds: float) -> None:
        self.waited.append(seconds)


def _received(event: Event | Received, number: int) -> Received:
    """As it would be read back from Kafka. Raises Unencodable for what Kafka could not be given either."""
    from tocsin.schemas.codec import decode, encode

    if isinstance(event, Received):
        return event
    topic = type(event).__module__.rpartition(".")[2]
    return Received(event=decode(encode(event)), topic=topic, offset=number)
