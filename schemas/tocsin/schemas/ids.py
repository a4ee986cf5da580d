"""Ids of events: time-ordered when something is first published, derived when it is about something else."""

from __future__ import annotations

from uuid import UUID

import uuid_utils

NAMESPACE = UUID("6f7a1c52-4f0e-5c7b-9d1e-2a70c5170c51")
"""The UUIDv5 namespace of every derived id. Never changes: the ids of repeats depend on it."""


_NAMESPACE = uuid_utils.UUID(str(NAMESPACE))


def new_event_id() -> str:
    """A fresh UUIDv7 as canonical text: for what is published for the first time."""
    return str(uuid_utils.uuid7())


def derived_id(*parts: str) -> str:
    """The UUIDv5 of what an event is about, as canonical text: the same parts always give the same id.

    Parts are joined by U+001F; that character and U+001E are escaped inside a part, so different parts never join to
    one name. Lone surrogates are allowed: ids are derived from text that others wrote.
    """
    name = "\x1f".join(parts)
    if "\x1e" in name or name.count("\x1f") >= len(parts):  # seldom: one look at the whole is half the work
        name = "\x1f".join([_escaped(part) for part in parts])
    try:
        return str(uuid_utils.uuid5(_NAMESPACE, name))
    except TypeError:  # lone surrogates; bytes for all would be slower, and the stub does not know of them
        return str(uuid_utils.uuid5(_NAMESPACE, name.encode("utf-8", "surrogatepass")))  # type: ignore[arg-type]


def idempotent_id(tenant: str, key: str, *scope: str) -> str:
    """The event id of a publisher's idempotency key: a second publication under the same key has the same id. The same
    key within another `scope` (the place in a batch, the source of a CloudEvent) has another one."""
    return derived_id("idempotency", tenant, key, *scope)


def _escaped(part: str) -> str:
    if "\x1e" in part or "\x1f" in part:
        return part.replace("\x1e", "\x1e0").replace("\x1f", "\x1e1")
    return part
