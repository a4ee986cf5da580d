"""What a reader of the store is given of the bus itself and of numbers; structs.py has what problems are made of."""

from __future__ import annotations

from msgspec import Struct


class Violation(Struct, frozen=True):
    """How often a peer broke a rule of a dialect; `example` is the id of the last problem that did, `pointer` where in
    it."""

    peer: str
    rule: str
    dialect: str
    count: int
    first_at: int
    last_at: int
    example: str | None
    pointer: str | None


class Count(Struct, frozen=True):
    """How many there were in the hour that begins then, or in all the time that was asked for (then the hour is 0)."""

    name: str
    hour: int
    count: int


class Minute(Struct, frozen=True):
    """How often a code was reported in the minute that begins then."""

    code: str
    minute: int
    count: int


class SilenceRow(Struct, frozen=True):
    """A silence made while running; `matchers` is JSON."""

    id: str
    at: int
    matchers: bytes | None
    starts_at: int | None
    ends_at: int | None
    by: str | None
    why: str | None
    removed: bool


class DeadLetter(Struct, frozen=True):
    """A record that died: where (`origin` is partition:offset of `topic`), and why. Its id is that of `tocsin dead`."""

    id: str
    at: int
    reason: str | None
    stage: str | None
    topic: str | None
    origin: str | None
    detail: str | None
    type: str | None
    event_id: str | None
    endpoint: str | None
    bytes: int


class Audited(Struct, frozen=True):
    """Who asked for what, and what became of it; one stands for `count` of them."""

    id: str
    at: int
    action: str | None
    credential: str | None
    who: str | None
    key: str | None
    target: str | None
    address: str | None
    outcome: str | None
    reason: str | None
    request_id: str | None
    cause: str | None
    status: int | None
    count: int | None


class Progress(Struct, frozen=True):
    """How far one partition was taken up; `timestamp` is that of its last record, in milliseconds."""

    topic: str
    partition: int
    next: int
    timestamp: int
