"""The dispatcher and the world behind it: attempts become outcomes, at least once, by a receiver with moods."""

from __future__ import annotations

from random import Random

from tests.simulation.delivery_watch import DeliveryWatch
from tests.simulation.simulated_kafka import SimulatedKafka
from tests.simulation.virtual_loop import VirtualLoop
from tocsin.connectors.outcomes import Reason
from tocsin.schemas.codec import decode_as, encode
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome, Outcome
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Record

DYING = {"owner": 3 * 3_600_000_000, "second": 5 * 3_600_000_000}
"""Endpoints that are dead now and then, for so long (microseconds)."""


class Dispatcher:
    """Reads one partition of `attempts` from where it committed, and writes outcomes to `deliveries`."""

    def __init__(
        self, kafka: SimulatedKafka, loop: VirtualLoop, chance: Random, partition: int, watch: DeliveryWatch
    ) -> None:
        self._kafka, self._loop, self._chance, self._watch = kafka, loop, chance, watch
        self._place = kafka.place("attempts", partition)
        self._place.listeners.append(self._wake)
        self._position = 0
        self._reading = False
        self._number = 0
        self.partition = partition
        self.perfect = False

    def die(self) -> None:
        """Killed: what was not committed is attempted again."""
        self._position = max(self._place.start, self._position - self._chance.randint(0, 5))
        self._wake()

    def _wake(self) -> None:
        if not self._reading:
            self._reading = True
            self._loop.call_later(0.001 + 0.05 * self._chance.random() ** 4, self._read)

    def _read(self) -> None:
        self._reading = False
        records = self._place.read(self._position, self._position + self._chance.choice((1, 10, 100)))
        if not records:
            return
        self._position = records[-1].offset + 1
        together, apart = 0.002 + self._chance.random() ** 6, self._chance.random() < 0.3
        for record in records:
            delay = 0.002 + 2.0 * self._chance.random() ** 6 if apart else together
            self._loop.call_later(delay, self._attempt, record)
        self._kafka.forget_before(self._place, self._position - 10)
        self._wake()

    def _attempt(self, record: Record) -> None:
        """Try once; the outcome may be lost on its way, be late or be written twice."""
        attempt = decode_as(record.value, DeliveryAttempt)
        outcome, reason, after, status = self._mood(attempt)
        self._watch.arrive(attempt, self._loop.micros())
        if outcome is Outcome.DELIVERED:
            self._watch.receive(attempt, self._loop.micros())
        roll = 1.0 if self.perfect else self._chance.random()
        if roll < 0.03:
            return
        self._number += 1
        now = self._loop.micros()
        told = DeliveryOutcome(
            event_id=derived_id("outcome", str(self.partition), str(self._number)),
            tenant=attempt.tenant,
            occurred_at=now,
            recorded_at=now,
            cause=attempt.event_id,
            delivery_id=attempt.delivery_id,
            endpoint=attempt.endpoint,
            attempt=attempt.attempt,
            outcome=outcome,
            reason=reason,
            retry_after=after,
            status=status,
            duration=1000,
        )
        delay = self._chance.uniform(30.0, 200.0) if roll < 0.06 else 0.001
        self._loop.call_later(delay, self._tell, told)
        if roll > 0.97 and not self.perfect:
            self._loop.call_later(delay + 1.0, self._tell, told)

    def _mood(self, attempt: DeliveryAttempt) -> tuple[Outcome, str, int | None, int | None]:
        roll = 1.0 if self.perfect else self._chance.random()
        if not self.perfect and attempt.endpoint in DYING and self._loop.micros() // DYING[attempt.endpoint] % 4 == 0:
            return Outcome.RETRY_LATER, Reason.CONNECT_FAILED, None, None
        if roll < 0.10:
            after = self._chance.choice((None, 5_000_000, 600_000_000))
            return Outcome.RETRY_LATER, Reason.SERVER_ERROR, after, self._chance.choice((500, 503))
        if roll < 0.12:
            return Outcome.REJECTED, Reason.UNACCEPTABLE, None, None
        if roll < 0.122:
            return Outcome.REJECTED, Reason.GONE, None, 410
        return Outcome.DELIVERED, "", None, 200

    def _tell(self, outcome: DeliveryOutcome) -> None:
        key = outcome.endpoint.encode()
        self._kafka.land("deliveries", self._kafka.partition_for(key), [(key, encode(outcome), ())])
