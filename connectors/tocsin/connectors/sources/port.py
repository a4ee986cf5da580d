"""What a source is: a program that sends its own messages, and the reader that knows what they mean.

Ids of events are made of the bytes, so that a message that is sent again is the same events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from hashlib import sha256

import msgspec
from msgspec import Struct

from tocsin.connectors.publish import InboxEvent, Origin
from tocsin.schemas.ids import derived_id

OTHER = "other"
"""The kind of a message that a source's table does not have."""


class Message(Struct, frozen=True, kw_only=True, dict=True):
    """One message of a source, not parsed yet. `headers`: those that its source reads, in small letters. `topic` is
    what the path says of it, `now` the time in microseconds. `wallets`: the tenant of each wallet; empty where the
    tenant is settled (by the path, or by a credential of one tenant)."""

    body: bytes
    origin: Origin
    headers: Mapping[str, str] = {}
    topic: str = ""
    now: int
    wallets: Mapping[str, str] = {}

    def of_wallet(self, wallet: str | None) -> Message:
        """The same, as a message of the tenant whose wallet it is, if that is known; else as it is."""
        tenant = self.wallets.get(wallet or "")
        if tenant is None or tenant == self.origin.tenant:
            return self
        return msgspec.structs.replace(self, origin=msgspec.structs.replace(self.origin, tenant=tenant))

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the body, taken once: a message may be a thousand events."""
        return sha256(self.body).hexdigest()

    def event_id(self, *parts: str) -> str:
        """The id of an event that is made of these bytes: the same whenever they come. `parts` tell the events of one
        message apart, and the messages of different sources."""
        return derived_id("source", self.origin.tenant, *parts, self.digest)


class Heard(Struct, frozen=True, kw_only=True):
    """What a message was understood as. `what` is its kind, one of its source's `kinds` or `other`; `events` are in the
    order in which they are stored; `ignored` says why parts of it, or all, became nothing, by names and never by
    values. `tenant` is whose it is, where the message says so (its `wallet`). `count`: of how many of this kind it is
    told."""

    what: str
    count: int = 1
    events: tuple[InboxEvent, ...] = ()
    ignored: tuple[str, ...] = ()
    tenant: str | None = None
    wallet: str | None = None


Read = Callable[[Message], Heard | list[Heard]]
"""Reads one message, or all that came bundled in one. Raises Unreadable, which names the member that is wrong, and
nothing else, whatever the bytes."""


class MessageSource(Struct, frozen=True, kw_only=True):
    """A program that sends messages. `kinds` are all that its reader says of a message (`Heard.what`), a closed set
    which labels a metric; `headers` those that it reads; `media_types` those that are taken, none: any. `bodies`: how
    many times the largest body one may be, for batches.

    Its messages hold what nobody here needs, and secrets that nobody would find: their bytes are remembered nowhere."""

    name: str
    read: Read
    kinds: frozenset[str]
    headers: tuple[str, ...] = ()
    media_types: tuple[str, ...] = ("application/json",)
    bodies: int = 1

    def kind_of(self, what: str) -> str:
        """The kind as a label shows it."""
        return what if what in self.kinds else OTHER
