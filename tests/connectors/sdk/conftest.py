"""What tests of `sdk` and its hooks share: nothing is set up before, nothing is left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tocsin.connectors import sdk
from tocsin.connectors.publish import MemoryPublisher
from tocsin.connectors.publish.port import InboxEvent, Receipt
from tocsin.connectors.publish.stats import Counts, PublisherStats
from tocsin.connectors.publish.threads import SyncPublisher
from tocsin.connectors.sdk import client


class Memory(MemoryPublisher):
    """Keeps what is published; `failure` is raised in its place."""

    failure: Exception | None = None
    failed = False

    async def send(self, event: InboxEvent) -> Receipt:
        if self.failure is not None:
            self.failed = True
            raise self.failure
        return await super().send(event)

    def stats(self) -> PublisherStats:
        return PublisherStats.of(Counts(sent=len(self.events)), 0, False, None)

    def flushed(self) -> list[InboxEvent]:
        """All that was captured, but for what failed as it was to."""
        assert sdk.flush(60) or self.failed
        self.failed = False
        return self.events


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(client, "_said_before_init", False)
    yield
    sdk.close()


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """What `init` publishes to, instead of Kafka."""
    kept = Memory(tenant="acme")
    monkeypatch.setattr(client, "_publisher_of", lambda *_: SyncPublisher(lambda: kept))
    return kept
