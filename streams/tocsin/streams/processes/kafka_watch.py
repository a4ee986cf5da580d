"""Whether Kafka answers a running process, asked again and again: for `/readyz` and the log, without a request."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from time import monotonic
from typing import Protocol

import structlog
from aiokafka.client import AIOKafkaClient

from tocsin.connectors.kafka import CLOSE_WITHIN, client_options, ended_within
from tocsin.streams.processes.kafka import any_listens

_log = structlog.get_logger("tocsin.kafka")

LOOK_EVERY = 1.5
"""Seconds between the answer to one question and the next question."""
ANSWER_WITHIN = 2.5
"""Seconds that an answer may take. With LOOK_EVERY less than the 5 s within which `/readyz` tells of it."""


class Brokers(Protocol):
    """Who is asked."""

    async def ask(self) -> str | None:
        """None when all that is needed is there; else what is missing, for an operator. Raises KafkaError, OSError or
        TimeoutError when nobody answers."""

    async def close(self) -> None:
        """Close the connections."""


class KafkaWatch:
    """What is known of Kafka. `run` keeps it fresh; before its first look, Kafka counts as there: a process begins
    with questions of its own, and fails by them."""

    def __init__(self, bootstrap: str, brokers: Brokers) -> None:
        self._bootstrap, self._brokers = bootstrap, brokers
        self._away_since: float | None = None
        self._missing: str | None = None

    def not_ready(self, now: float | None = None) -> str | None:
        """Why nothing can be read or stored, in words for an operator; None when all is well."""
        if self._away_since is None:
            return self._missing
        seconds = (monotonic() if now is None else now) - self._away_since
        return f"Kafka at {self._bootstrap} does not answer since {seconds:.0f} s; start it: this goes on by itself"

    def answered(self, missing: str | None) -> None:
        """It answered; `missing` is what is not there."""
        if self._away_since is not None:
            _log.info("Kafka answers again", bootstrap=str(self._bootstrap))
        if missing != self._missing and missing is not None:
            _log.error("Kafka is not as it should be", why=missing)
        self._away_since, self._missing = None, missing

    def unanswered(self, asked_at: float) -> None:
        """It did not answer what it was asked at this time."""
        if self._away_since is None:
            self._away_since = asked_at
            _log.error("Kafka does not answer", bootstrap=str(self._bootstrap))

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            while True:
                asked_at = monotonic()
                try:
                    async with asyncio.timeout(ANSWER_WITHIN):
                        missing = await self._brokers.ask()
                except Exception:  # whatever it is: a watch that ended would say "ready" for ever
                    self.unanswered(asked_at)
                    await self._brokers.close()
                else:
                    self.answered(missing)
                await asyncio.sleep(LOOK_EVERY)
        finally:
            await self._brokers.close()


class Metadata:
    """Asks for the metadata of these topics, over one connection that is kept while it answers."""

    def __init__(self, bootstrap: str, topics: Collection[str]) -> None:
        self._bootstrap, self._topics = bootstrap, topics
        self._client: AIOKafkaClient | None = None

    async def ask(self) -> str | None:
        """As `Brokers.ask`."""
        if self._client is None:
            # aiokafka logs an error for each refused connection: connect first
            if not await any_listens(self._bootstrap, ANSWER_WITHIN):
                raise ConnectionError("nobody listens")
            self._client = AIOKafkaClient(
                **client_options(self._bootstrap),
                request_timeout_ms=int(1000 * ANSWER_WITHIN / min(1 + self._bootstrap.count(","), 3)),
                metadata_max_age_ms=3_600_000,  # it is asked here, and not in between
            )
            await self._client.bootstrap()
            await self._client.set_topics(self._topics)
        if not await self._client.force_metadata_update():
            raise ConnectionError("no metadata")
        cluster = self._client.cluster
        return missing_of({topic: leaders_of(cluster, topic) for topic in self._topics})

    async def close(self) -> None:
        """As `Brokers.close`."""
        client, self._client = self._client, None
        if client is not None:
            await ended_within(CLOSE_WITHIN, client.close())


def leaders_of(cluster: object, topic: str) -> Mapping[int, bool] | None:
    """For each partition of a topic whether it has a leader; None when Kafka has no such topic."""
    known = cluster.partitions_for_topic(topic)  # type: ignore[attr-defined]
    if not known:
        return None
    led = cluster.available_partitions_for_topic(topic) or ()  # type: ignore[attr-defined]
    return {partition: partition in led for partition in known}


def missing_of(topics: Mapping[str, Mapping[int, bool] | None]) -> str | None:
    """In words for an operator, which topics are missing and which partitions have no leader; None without any."""
    gone = sorted(topic for topic, led in topics.items() if led is None)
    if gone:
        return f"topics are missing: {', '.join(gone)}; run: tocsin topics apply (or correct TOCSIN_PREFIX)"
    left = [
        f"partition {partition} of {topic}"
        for topic, led in sorted(topics.items())
        for partition, has in sorted((led or {}).items())
        if not has
    ]
    if not left:
        return None
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    return f"{', '.join(left[:3])}{more}: no broker leads it now; is a broker down?"
