"""One dead letter: what it says of itself, how a person sees it, and whether it can be replayed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

import msgspec
from aiokafka import ConsumerRecord
from msgspec import Struct

from tocsin.connectors.dialects import Unreadable, read_document
from tocsin.connectors.printable import clipped, printable
from tocsin.connectors.subscribe.reading import group_of
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import DeliveryAttempt, DeliveryRequested, Event
from tocsin.schemas.problem import Problem
from tocsin.streams.engine.dead import BATCH_UNREADABLE, CONNECT_PREFIX, CUT_HEADER, GATEWAY_STAGE, REASON_HEADER
from tocsin.streams.processes.broken_settings import SETTINGS_STAGE

OWN = (CONNECT_PREFIX, REASON_HEADER, CUT_HEADER, "tocsin.attempts")
"""Headers that were added when the record died: a replayed record goes without them."""


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One record of `dead`. `id` is `partition:offset` within `dead`; `type`, `event_id`, `tenant`, `endpoint` and
    `code` are empty when they are not known, as of what is no event; `group` is that of the subscriber that put it
    aside. `replayed`: it has been replayed."""

    id: str
    time: str
    reason: str
    stage: str
    topic: str
    partition: str
    offset: str
    detail: str
    type: str
    event_id: str
    tenant: str
    endpoint: str
    code: str
    group: str
    bytes: int
    replayed: bool = False


class Opened:
    """A record of `dead`, decoded as far as it is asked. Headers may be missing or not text."""

    def __init__(self, record: ConsumerRecord) -> None:
        self.record = record
        self.headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}

    def connect(self, name: str) -> str:
        """One of the headers that a user of Kafka Connect knows; empty when it is not there."""
        return self.headers.get(CONNECT_PREFIX + name, "")

    @property
    def reason(self) -> str:
        return self.headers.get(REASON_HEADER, "unknown")

    @property
    def stage(self) -> str:
        return self.connect("stage")

    @property
    def topic(self) -> str:
        """Where it died, with the prefix of the bus."""
        return self.connect("topic")

    @cached_property
    def event(self) -> Event | None:
        """The event that it holds, or None: then `unreadable` says why this release cannot read it."""
        self.unreadable = ""
        try:
            return decode(self.record.value)
        except Undecodable as undecodable:
            self.unreadable = str(undecodable)
            return None

    @property
    def type(self) -> str:
        """The name of its event's type; of what cannot be read, what its header claims."""
        claimed = self.headers.get("ce_type", "").removeprefix("io.tocsin.")
        return claimed if self.event is None else type(self.event).__name__

    @property
    def tenant(self) -> str:
        """Whose it is; of what cannot be read, what its headers claim, or else its key, which is the tenant for `inbox`
        and for the gateway."""
        if self.event is not None:
            return self.event.tenant
        keyed = self.stage == GATEWAY_STAGE or self.topic.endswith("inbox")
        return self.headers.get("ce_tenant") or (self._key if keyed else "")

    @property
    def endpoint(self) -> str:
        """The endpoint that it is about, by its event or else by its key; empty for what is about none."""
        if self.event is not None:
            return str(getattr(self.event, "endpoint", None) or "")
        return self._key if self.topic.endswith(("deliveries", "attempts")) else ""

    @property
    def code(self) -> str:
        """The code of the problem inside, also of one inside the body of a delivery; empty where there is none."""
        problem = getattr(self.event, "problem", None)
        if isinstance(self.event, DeliveryRequested | DeliveryAttempt):
            problem = problem_in(self.event.body, self.event.content_type)
        return problem.code or "" if isinstance(problem, Problem) else ""

    @property
    def group(self) -> str:
        """The group of subscribers that put it aside, and gets it again; empty for what the bus put aside."""
        return group_of(self.record.headers) or ""

    @property
    def _key(self) -> str:
        return (self.record.key or b"").decode("utf-8", "replace")

    def letter(self, replayed: bool = False) -> DeadLetter:
        """What it says of itself."""
        known = self.event is not None
        return DeadLetter(
            id=f"{self.record.partition}:{self.record.offset}",
            time=datetime.fromtimestamp(self.record.timestamp / 1000, UTC).isoformat(timespec="milliseconds"),
            reason=self.reason,
            stage=self.stage,
            topic=self.topic,
            partition=self.connect("partition"),
            offset=self.connect("offset"),
            detail=self.connect("exception.message"),
            type=self.type if known else "",
            event_id=self.event.event_id if self.event is not None else "",
            tenant=self.tenant,
            endpoint=self.endpoint,
            code=self.code,
            group=self.group,
            bytes=len(self.record.value or b""),
            replayed=replayed,
        )

    def why_not(self) -> str | None:
        """Why it cannot be replayed whatever is tried, or None; where to is another question (`origins.py`)."""
        if self.stage == GATEWAY_STAGE:
            return "it is a document that is no problem, and never was a record"
        if self.stage == "timer":
            return "it holds the row of a timer that failed, not a record"
        if self.stage == SETTINGS_STAGE:
            return "it is a broken setting, and what holds now under its key would be lost: set it anew"
        if self.stage == "input" or self.reason == BATCH_UNREADABLE or self.record.value is None:
            return "it reports something and holds no record"
        if CUT_HEADER in self.headers:
            return f"it holds only a part of the record, which was too large ({clipped(self.headers[CUT_HEADER], 120)})"
        return None

    def original_headers(self) -> list[tuple[str, bytes]]:
        """The headers that the record had before it died."""
        return [(name, value) for name, value in self.record.headers if not name.startswith(OWN)]


def problem_in(body: bytes, content_type: str) -> Problem | None:
    """The problem that the body of a delivery tells of, in whatever dialect; None when it is none that we read."""
    try:
        found = read_document(body, media_type=content_type)
    except Unreadable:
        return None
    return found if isinstance(found, Problem) else None


def line_of(letter: DeadLetter) -> str:
    """A letter as a line for a person. Whoever may write to Kafka wrote these headers."""
    came = f"{letter.topic}/{letter.partition}@{letter.offset}" if letter.topic else letter.stage
    what = f"{letter.type} {letter.event_id}" if letter.type else f"{letter.bytes} bytes that are no event"
    again = " (replayed)" if letter.replayed else ""
    stage = f"{letter.stage} {letter.group}" if letter.group else letter.stage
    reason, stage, came, what = (clipped(text, 160) for text in (letter.reason, stage, came, what))
    return printable(f"{letter.id} {letter.time} {reason} ({stage}) {came}: {what}{again}") + (
        f": {clipped(letter.detail, 160)}" if letter.detail else ""
    )


def as_json(letter: DeadLetter) -> dict[str, object]:
    """A letter for a script."""
    return dict(msgspec.to_builtins(letter))
