"""API keys: `tocsin_<id>_<secret>`. Only the SHA-256 of the whole text is kept.

A secret of 256 random bits cannot be guessed from its hash, so it needs no slow one (as passwords do), and no pepper.
The id is shown in lists and in `audit`; it says which key it is, and opens nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import time
from enum import StrEnum

from msgspec import Struct

from tocsin.connectors.access.caller import EVERY_TENANT, Caller, CredentialRefused, RefusedFor, scopes_of
from tocsin.connectors.publish.headers import rfc3339
from tocsin.schemas.events import CredentialKind, KeySet, KeyUsed

PREFIX = "tocsin_"
ID_CHARACTERS = 12
SECRET_CHARACTERS = 43
"""256 bits. Of letters and digits alone: as the name of a user in a URL (Sentry's DSN) some take nothing else."""
MAX_NAME = 100
"""Characters of a key's name."""
MAX_KEYS, TENANT_KEYS = 10_000, 100
"""How many keys there may be that were not revoked, and how many of one tenant."""

_TEXT = re.compile(rf"{PREFIX}([a-z0-9]{{{ID_CHARACTERS}}})_[A-Za-z0-9_-]{{43}}")
_ALPHABET = string.ascii_lowercase + string.digits
_SECRET_ALPHABET = string.ascii_letters + string.digits
_NOBODY = "0" * 64


class NewKey(Struct, frozen=True):
    """A key that was just made. `text` is the key itself, which is shown once and kept nowhere."""

    id: str
    text: str
    digest: str

    def __repr__(self) -> str:
        return f"NewKey({self.id!r})"


class KeyState(StrEnum):
    """How a key stands."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


def new_key() -> NewKey:
    """A new key."""
    ident = "".join(secrets.choice(_ALPHABET) for _ in range(ID_CHARACTERS))
    text = f"{PREFIX}{ident}_{''.join(secrets.choice(_SECRET_ALPHABET) for _ in range(SECRET_CHARACTERS))}"
    return NewKey(ident, text, _digest(text))


def id_of_key(text: str) -> str | None:
    """The id in the text of a key; None for what has not the form of one."""
    match = _TEXT.fullmatch(text)
    return None if match is None else match[1]


class ApiKeys:
    """The keys of `settings` as far as it was read. A key that was revoked stays so, whatever else is read of it."""

    def __init__(self) -> None:
        self._keys: dict[str, KeySet] = {}
        self._used: dict[str, KeyUsed] = {}

    def learn(self, event: KeySet | KeyUsed) -> None:
        """Apply an event of `settings`."""
        if isinstance(event, KeyUsed):
            self._used[event.key] = event
            return
        held = self._keys.get(event.key)
        if held is None or not held.removed:
            self._keys[event.key] = event

    def forget(self, ident: str) -> None:
        """Remove a key whose tombstone was read."""
        self._keys.pop(ident, None)
        self._used.pop(ident, None)

    def get(self, ident: str) -> KeySet | None:
        """The key of this id."""
        return self._keys.get(ident)

    def of(self, tenant: str) -> list[KeySet]:
        """All keys of a tenant, or of EVERY_TENANT all that there are, the oldest first."""
        found = [one for one in self._keys.values() if tenant in (EVERY_TENANT, one.tenant)]
        return sorted(found, key=lambda one: (one.created_at, one.key))

    def last_used(self, ident: str) -> KeyUsed | None:
        """The last use of a key that was written down."""
        return self._used.get(ident)

    def room_for(self, tenant: str, now: int) -> bool:
        """Whether a tenant may have one key more."""
        usable = [one for one in self._keys.values() if state_of(one, now) is KeyState.ACTIVE]
        return len(usable) < MAX_KEYS and sum(one.tenant == tenant for one in usable) < TENANT_KEYS

    def caller(self, text: str, now: int) -> Caller:
        """Who has this key; `now` in microseconds. Raises CredentialRefused. That a key expired or was revoked is told
        only to who has the whole of it."""
        ident = id_of_key(text)
        held = None if ident is None else self._keys.get(ident)
        same = hmac.compare_digest(_digest(text), _NOBODY if held is None else held.digest)
        if held is None or not same:
            raise CredentialRefused(RefusedFor.UNKNOWN, None if held is None else held.key)
        state = state_of(held, now)
        if state is not KeyState.ACTIVE:
            raise CredentialRefused(RefusedFor(state.value), held.key)
        return Caller(
            tenant=held.tenant,
            scopes=scopes_of(held.scopes),
            name=held.name,
            kind=CredentialKind.KEY,
            key=held.key,
            every_tenant=held.tenant == EVERY_TENANT,
            rate=held.rate,
        )


def state_of(key: KeySet, now: int) -> KeyState:
    """How a key stands; `now` in microseconds."""
    if key.removed:
        return KeyState.REVOKED
    return KeyState.EXPIRED if key.expires_at is not None and key.expires_at <= now else KeyState.ACTIVE


def shown_key(key: KeySet, used: KeyUsed | None, now: int | None = None) -> dict[str, object]:
    """A key for people and programs; never a part of the secret, nor its digest. `now` in microseconds."""
    now = time.time_ns() // 1000 if now is None else now
    return {
        "id": key.key,
        "prefix": f"{PREFIX}{key.key}",
        "name": key.name,
        "tenant": key.tenant,
        "scopes": key.scopes,
        "state": state_of(key, now).value,
        "created_at": rfc3339(key.created_at),
        "expires_at": None if key.expires_at is None else rfc3339(key.expires_at),
        "last_used_at": None if used is None else rfc3339(used.occurred_at),
        "last_used_from": None if used is None else used.address,
        "rate": key.rate,
        "by": key.by,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
