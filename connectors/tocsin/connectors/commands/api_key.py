"""API keys as people make and revoke them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from tocsin.connectors.access import EVERY_TENANT, NewKey, Scope, new_key
from tocsin.connectors.access.api_keys import MAX_NAME
from tocsin.connectors.commands.members import until_of, who, wish_of
from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.publish.reporting import TENANT
from tocsin.schemas.events import KeySet
from tocsin.schemas.ids import new_event_id

MAX_RATE = 1_000_000
"""Documents a second of one key; more is no limit."""


class _Document(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    scopes: Annotated[list[Scope], Meta(min_length=1)]
    tenant: str | None = None
    until: str | None = None
    span: str | None = field(default=None, name="for")
    rate: Annotated[int, Meta(ge=1, le=MAX_RATE)] | None = None
    by: str | None = None


def key_set(
    document: Mapping[str, object], tenant: str, *, by: str | None = None, now: int | None = None
) -> tuple[KeySet, NewKey]:
    """The event of a new key, and the key itself, which is nowhere else; of `tenant` unless the document names one, or
    EVERY_TENANT. Raises Unreadable naming the member. Whether who asks may give it is for the caller to say."""
    now = time.time_ns() // 1000 if now is None else now
    wish = wish_of(document, _Document)
    tenant = tenant if wish.tenant is None else wish.tenant
    if tenant != EVERY_TENANT and not TENANT.fullmatch(tenant):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/tenant", f"a tenant, or {EVERY_TENANT} for every tenant")
    if Scope.METRICS in wish.scopes and tenant != EVERY_TENANT:
        raise Unreadable(
            UnreadableReason.WRONG_TYPE, "/scopes", f"metrics only with the tenant {EVERY_TENANT}: they are of all"
        )
    if not wish.name.strip() or not wish.name.isprintable():
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/name", "a name for people, on one line")
    made = new_key()
    event = KeySet(
        event_id=new_event_id(),
        tenant=tenant,
        occurred_at=now,
        recorded_at=now,
        key=made.id,
        name=wish.name.strip(),
        digest=made.digest,
        scopes=_names(wish.scopes),
        created_at=now,
        expires_at=until_of(wish.until, wish.span, now),
        rate=wish.rate,
        by=who(wish.by or by),
    )
    return event, made


def rotated_key(key: KeySet, by: str | None, *, now: int | None = None) -> tuple[KeySet, NewKey]:
    """A new key like this one, which goes on holding: it is revoked when nothing uses it any more. One that expires
    gets the same span again. Raises Unreadable: nobody says so."""
    now = time.time_ns() // 1000 if now is None else now
    made = new_key()
    event = msgspec.structs.replace(
        key,
        event_id=new_event_id(),
        occurred_at=now,
        recorded_at=now,
        cause=key.event_id,
        key=made.id,
        digest=made.digest,
        created_at=now,
        expires_at=None if key.expires_at is None else now + key.expires_at - key.created_at,
        by=who(by),
    )
    return event, made


def revoked_key(key: KeySet, by: str | None, *, now: int | None = None) -> KeySet:
    """The event that revokes a key, for ever. Raises Unreadable: nobody says so."""
    now = time.time_ns() // 1000 if now is None else now
    return msgspec.structs.replace(
        key,
        event_id=new_event_id(),
        occurred_at=now,
        recorded_at=now,
        cause=key.event_id,
        by=who(by),
        removed=True,
    )


def _names(scopes: Iterable[Scope]) -> list[str]:
    return [scope.value for scope in Scope if scope in set(scopes)]
