"""What the agents share: events out of records, rows out of bytes, decisions into outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.errors import Undecodable, UndecodableReason, Unencodable
from tocsin.schemas.events import Event, Tick
from tocsin.schemas.ids import derived_id
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.engine.dead import DEAD_TOPIC, dead_headers, dead_letter
from tocsin.streams.engine.record import TICK, NotYetReadable, Output, Record, Refused, Rows
from tocsin.streams.engine.row_counts import PerScope
from tocsin.streams.rules.decision import DeadLetter, Decision
from tocsin.streams.rules.delivery.gate import held_peer
from tocsin.streams.rules.state import ROW_VERSION, decode_row, encode_row
from tocsin.streams.rules.state.counted import counted

TICK_TENANT = "tocsin"
"""The tenant of events that belong to the bus itself."""


class Agent(ABC):
    """A rule set for the engine over rules that take events and rows and return decisions. A kind of agent adds what
    it reads, where an event belongs, and its rules; it asks for its configuration at every event, so that rules may be
    reloaded."""

    name: str
    input_topic: str
    row_version = ROW_VERSION
    per_scope: PerScope | None = None

    def __init__(self, prefix: str, book: SchemaBook) -> None:
        self.changelog = f"{self.name}-changelog"
        self._prefix = prefix
        self._book = book
        self._source = f"/tocsin/{self.name}".encode()

    @abstractmethod
    def partition_key(self, event: Any) -> bytes | None:
        """The key whose partition must hold this event, or None when any will do."""

    @abstractmethod
    def decide(self, event: Any, rows: Rows, now: int) -> Iterable[Decision]:
        """What the rules decide on an event."""

    @abstractmethod
    def decide_timer(self, key: str, rows: Rows, now: int) -> Iterable[Decision]:
        """What the rules decide when the timer of row `key` is due."""

    @abstractmethod
    def released(self, rows: Rows) -> None:
        """These rows are not ours any more: nothing of them may be kept."""

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        return self._outputs(self.decide(event, rows, now), record)

    def fire(self, key: str, rows: Rows, now: int) -> Iterable[Output]:
        return self._outputs(self.decide_timer(key, rows, now), None)

    encode_row = staticmethod(encode_row)
    decode_row = staticmethod(decode_row)

    def counted(self, key: str, data: bytes, now: int) -> tuple[str, int] | None:
        """Open cases, pending deliveries, peers that are held back, and what else the metrics show."""
        return held_peer(data, now) if key.startswith("peer_endpoint/") else counted(key, data)

    def decode(self, record: Record) -> Any:
        """The event in a record; raises Refused (poison) or NotYetReadable (a newer version of us wrote it)."""
        try:
            event = decode(record.value, book=self._book)
        except Undecodable as undecodable:
            if undecodable.reason is UndecodableReason.UNKNOWN_OWN_SCHEMA:
                raise NotYetReadable(undecodable.detail) from undecodable
            raise Refused(undecodable.reason.value, undecodable.detail) from undecodable
        return TICK if isinstance(event, Tick) else event

    def _outputs(self, decisions: Iterable[Decision], record: Record | None) -> list[Output]:
        """Decisions as records to produce, in their order; `record` is the input that a dead letter may stand for."""
        return [self._output(decision, record) for decision in decisions]

    def _output(self, decision: Decision, record: Record | None) -> Output:
        if isinstance(decision, DeadLetter):
            return self._dead(decision, record)
        event = decision.event
        headers = tuple(cloud_event_headers(event, self._source))
        return Output(decision.topic, decision.key.encode(), self._encode(event), headers, decision)

    def _dead(self, letter: DeadLetter, record: Record | None) -> Output:
        if letter.event is None and record is not None:
            dead = dead_letter(record, letter.stage, letter.reason, letter.detail)
            return Output(dead.topic, dead.key, dead.value, dead.headers, decision=letter)
        topic, partition, offset = (record.topic, record.partition, record.offset) if record else ("", -1, -1)
        headers = (
            *dead_headers(
                topic or self._prefix + letter.topic, partition, offset, letter.stage, letter.reason, letter.detail
            ),
            ("tocsin.attempts", str(letter.attempts).encode()),
        )
        value = None if letter.event is None else self._encode(letter.event)
        return Output(DEAD_TOPIC, letter.key.encode(), value, headers, decision=letter)

    def _encode(self, event: Event) -> bytes:
        try:
            return encode(event, book=self._book)
        except Unencodable as unencodable:
            raise Refused("output_unencodable", str(unencodable)) from unencodable

    def tick(self, partition: int, now: int) -> Output:
        """A tick record; its id says which partition and when, so that two are never taken for one."""
        tick = Tick(
            event_id=derived_id("tick", self.name, str(partition), str(now)),
            tenant=TICK_TENANT,
            occurred_at=now,
            recorded_at=now,
            partition=partition,
        )
        headers = tuple(cloud_event_headers(tick, self._source))
        return Output(self.input_topic, None, encode(tick, book=self._book), headers)
