"""Publishers: what the traffic brings gets into the inbox once, twice, late, in the wrong place, or as rubbish."""

from __future__ import annotations

from functools import partial
from random import Random

from tests.simulation.problem_watch import ProblemWatch
from tests.simulation.simulated_kafka import SimulatedKafka
from tests.simulation.virtual_loop import VirtualLoop
from tocsin.schemas.codec import encode
from tocsin.schemas.events import EndpointCommand, EndpointCommandKind, Event, ProblemReported
from tocsin.schemas.ids import derived_id


class Publishing:
    """All publishers, at least once each."""

    def __init__(self, kafka: SimulatedKafka, loop: VirtualLoop, chance: Random, watch: ProblemWatch) -> None:
        self._kafka, self._loop, self._chance, self._watch = kafka, loop, chance, watch

    def publish(self, event: Event) -> None:
        """Once; again when the answer was lost; late; or by a client that hashes keys in its own way."""
        if isinstance(event, ProblemReported):
            self._watch.publish(event.event_id)
        chance, roll = self._chance, self._chance.random()
        key, value = event.tenant.encode(), encode(event)
        partition = chance.randrange(self._kafka.partitions) if roll < 0.02 else self._kafka.partition_for(key)
        land = partial(self._land, event, partition, key, value)
        if 0.02 <= roll < 0.08:
            self._loop.call_later(chance.uniform(0.01, 60.0), land)
        if not 0.02 <= roll < 0.05:
            land()
        if 0.08 <= roll < 0.085:
            rubbish = chance.choice((b"", b"\x01" + chance.randbytes(8), value[:-3], value + b"\x00"))
            self._kafka.land("inbox", partition, [(key, rubbish, ())])

    def _land(self, event: Event, partition: int, key: bytes, value: bytes) -> None:
        self._kafka.land("inbox", partition, [(key, value, ())])
        if isinstance(event, ProblemReported):
            self._watch.accept(event.event_id)

    def enable(self, endpoint: str) -> None:
        """Somebody looks after an endpoint that was gone."""
        now = self._loop.micros()
        wish = EndpointCommand(
            event_id=derived_id("enable", endpoint, str(now)),
            tenant="tocsin",
            occurred_at=now,
            recorded_at=now,
            endpoint=endpoint,
            kind=EndpointCommandKind.ENABLE,
            by="somebody",
        )
        key = endpoint.encode()
        self._kafka.land("deliveries", self._kafka.partition_for(key), [(key, encode(wish), ())])
