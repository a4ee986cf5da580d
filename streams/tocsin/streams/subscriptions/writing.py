"""Subscriptions made, changed, rotated and ended in `settings`: done only when the event that was written holds.

Of two who write at the same time one comes first (`silences.subscriptions`); the other begins again on top of it, or is
refused. Killed at any place, what was written is whole: a change is one record, under an id that no other one has. A
repeat of a request is known by its idempotency key, which is sealed beside the secret that it made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from time import time_ns

from msgspec.structs import replace

from tocsin.connectors.commands import Made, SubscriptionRefusal, SubscriptionRefused
from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.sealing import SealKeys
from tocsin.connectors.webhooks import for_receivers, new_key_pair, new_secret
from tocsin.connectors.webhooks.keys import version_of
from tocsin.schemas.events import SubscriptionSet
from tocsin.schemas.ids import new_event_id
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.silences.subscriptions import MAX_SUBSCRIPTIONS, TENANT_SUBSCRIPTIONS
from tocsin.streams.subscriptions.endpoints import Sealed, Secret, SubscriptionUnusable, seal, unseal
from tocsin.streams.subscriptions.wish import SINK, Wish, checked_endpoint

TRIES = 5
"""How often a change is begun again because another one came first."""

NO_KEY = (
    "Secrets are kept sealed, and there is no key for it: set TOCSIN_SEAL_KEY for gateway, dispatcher and command line "
    "(env:NAME or file:PATH; make one with `openssl rand -base64 32`). `tocsin up` makes one in its home."
)


class SubscriptionWriter:
    """Writes subscriptions into an open SettingsTopic. `file_names` gives the names that the rules file takes."""

    def __init__(
        self,
        topic: SettingsTopic,
        keys: SealKeys | None,
        file_names: Callable[[], Collection[str]],
        now: Callable[[], int] = lambda: time_ns() // 1000,
    ) -> None:
        self._topic, self._keys, self._file_names, self._now = topic, keys, file_names, now
        self._turn = asyncio.Lock()  # so that within a process nobody begins again

    async def make(self, wish: Wish, tenant: str, by: str, key: str | None = None) -> Made:
        """A new subscription; the same `key` again (the id of an idempotency key) is the same one, whose secret is
        shown again. Raises SubscriptionRefused, Unreadable, and what `put_subscription` raises."""
        async with self._turn:
            return await self._make(wish, tenant, by, key)

    async def _make(self, wish: Wish, tenant: str, by: str, key: str | None = None) -> Made:
        keys = self._needed_keys()
        for _ in range(TRIES):
            last = self._topic.subscriptions.last(wish.name)
            if last is not None and not last.removed:
                again = self._again(last, tenant, key)
                if again is None:
                    raise _taken(wish.name)
                return again
            if wish.name in self._file_names():
                raise _taken(wish.name, "the rules file has an endpoint of it")
            self._check_count(tenant)
            sealed = Sealed(settings=wish.settings, secrets=[Secret(self._secret(wish), key=key)])
            event = self._event(wish, tenant, by, sealed, keys, last)
            if await self._topic.put_subscription(event):
                return self._shown(event, created=True)
        raise _changed()

    async def replace(self, wish: Wish, tenant: str, by: str) -> Made:
        """The subscription of this name as the wish says from now on, made if there is none; what signs stays, unless
        the wish says another secret, which is then rotated in. Raises as `make`."""
        async with self._turn:
            return await self._replace(wish, tenant, by)

    async def _replace(self, wish: Wish, tenant: str, by: str) -> Made:
        keys = self._needed_keys()
        for _ in range(TRIES):
            held = self._topic.subscriptions.find(wish.name)
            if held is None:
                try:
                    return await self._make(wish, tenant, by)
                except SubscriptionRefused as refused:
                    found = self._topic.subscriptions.find(wish.name)
                    if refused.kind is not SubscriptionRefusal.TAKEN or found is None or found.tenant != tenant:
                        raise
                    continue  # made by another of the tenant just now: ours replaces it
            if held.tenant != tenant:
                raise _taken(wish.name)
            before, secret = self._unsealed(held, keys), self._secret(wish) if wish.secret or wish.ed25519 else None
            sealed = replace(before, settings=wish.settings)
            if secret is not None and secret != before.secrets[0].text:
                sealed = sealed.rotated(secret, self._now())
            else:
                secret = None
            event = self._event(wish, tenant, by, sealed, keys, held)
            if await self._topic.put_subscription(event):
                return Made(event=event, secret=None if secret is None else for_receivers(secret))
        raise _changed()

    async def rotate(
        self, name: str, tenant: str, by: str, secret: str | None = None, *, ed25519: bool | None = None,
        key: str | None = None,
    ) -> Made:  # fmt: skip
        """A new secret, made by us if none is given (of the kind of the old one, unless `ed25519` says); the old one
        signs on for OVERLAP. The same `key` again is the same rotation, as long as what it made signs. Raises as
        `make`."""
        async with self._turn:
            return await self._rotate(name, tenant, by, secret, ed25519, key)

    async def _rotate(
        self, name: str, tenant: str, by: str, secret: str | None, ed25519: bool | None, key: str | None
    ) -> Made:
        keys = self._needed_keys()
        for _ in range(TRIES):
            held = self.of(name, tenant)
            before, now = self._unsealed(held, keys), self._now()
            done = before.made_under(key, now)
            if done is not None:
                return Made(event=held, secret=for_receivers(done))
            pair = version_of(before.secrets[0].text) == "v1a" if ed25519 is None else ed25519
            new = secret or (new_key_pair()[0] if pair else new_secret())
            if new == before.secrets[0].text:
                return self._shown(held)
            _check_secret(held, new)
            sealed = before.rotated(new, now, key)
            event = replace(
                held, event_id=new_event_id(), cause=held.event_id, recorded_at=now, occurred_at=now, by=by,
                sealed=seal(sealed, tenant, name, keys),
            )  # fmt: skip
            if await self._topic.put_subscription(event):
                return self._shown(event)
        raise _changed()

    async def end(self, name: str, tenant: str, by: str) -> bool:
        """End a subscription; False when it has ended already. Raises as `make`."""
        async with self._turn:
            return await self._end(name, tenant, by)

    async def _end(self, name: str, tenant: str, by: str) -> bool:
        for _ in range(TRIES):
            last, now = self._topic.subscriptions.last(name), self._now()
            if last is not None and last.removed and last.tenant == tenant:
                return False
            held = self.of(name, tenant)
            event = replace(
                held, event_id=new_event_id(), cause=held.event_id, recorded_at=now,
                occurred_at=now, by=by, removed=True, sealed=None,
            )  # fmt: skip
            if await self._topic.put_subscription(event):
                return True
        raise _changed()

    def of(self, name: str, tenant: str) -> SubscriptionSet:
        """The tenant's subscription of this name. Raises SubscriptionRefused."""
        held = self._topic.subscriptions.find(name)
        if held is None or held.tenant != tenant:
            raise SubscriptionRefused(
                SubscriptionRefusal.NOT_FOUND, "The tenant has no subscription of this name: see what it has."
            )
        return held

    def unsealed(self, event: SubscriptionSet) -> Sealed:
        """What an event has sealed. Raises SubscriptionRefused."""
        return self._unsealed(event, self._needed_keys())

    def _event(
        self, wish: Wish, tenant: str, by: str, sealed: Sealed, keys: SealKeys, last: SubscriptionSet | None
    ) -> SubscriptionSet:
        now, event_id = self._now(), new_event_id()
        held = None if last is None or last.removed else last
        return SubscriptionSet(
            event_id=event_id,
            tenant=tenant,
            occurred_at=now,
            recorded_at=now,
            cause=None if last is None else last.event_id,
            subscription=event_id if held is None else held.subscription,
            endpoint=wish.name,
            sink=SINK,
            config=wish.config,
            by=by,
            match=wish.match,
            sealed=seal(sealed, tenant, wish.name, keys),
            created_at=now if held is None else held.created_at,
        )

    def _again(self, held: SubscriptionSet, tenant: str, key: str | None) -> Made | None:
        """What was made under this key, if that is what holds."""
        if key is None or held.tenant != tenant:
            return None
        try:
            made = self.unsealed(held).made_under(key, self._now())
        except SubscriptionRefused:
            return None
        return None if made is None else Made(event=held, secret=for_receivers(made), created=True)

    def _shown(self, event: SubscriptionSet, *, created: bool = False) -> Made:
        secret = self.unsealed(event).secrets[0].text
        return Made(event=event, secret=for_receivers(secret), created=created)

    def _secret(self, wish: Wish) -> str:
        return wish.secret or (new_key_pair()[0] if wish.ed25519 else new_secret())

    def _needed_keys(self) -> SealKeys:
        if self._keys is None:
            raise SubscriptionRefused(SubscriptionRefusal.NO_SEAL_KEY, NO_KEY)
        return self._keys

    def _unsealed(self, event: SubscriptionSet, keys: SealKeys) -> Sealed:
        try:
            return unseal(event, keys)
        except SubscriptionUnusable as unusable:
            why = f"Nothing was done: {unusable}. Put the key back after the newest one in TOCSIN_SEAL_KEY, or end it."
            raise SubscriptionRefused(SubscriptionRefusal.UNUSABLE, why) from None

    def _check_count(self, tenant: str) -> None:
        every = self._topic.subscriptions.current()
        mine = sum(one.tenant == tenant for one in every)
        if mine >= TENANT_SUBSCRIPTIONS or len(every) >= MAX_SUBSCRIPTIONS:
            limit = f"A tenant has at most {TENANT_SUBSCRIPTIONS}, all of them {MAX_SUBSCRIPTIONS}"
            raise SubscriptionRefused(SubscriptionRefusal.TOO_MANY, f"{limit}: end one before another is made.")


def _check_secret(held: SubscriptionSet, secret: str) -> None:
    try:
        checked_endpoint(held.endpoint, {}, {"url": "https://sealed.invalid/", "secret": secret})
    except Unreadable as unreadable:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/secret", unreadable.expected) from None


def _taken(name: str, by: str = "there is a subscription of it") -> SubscriptionRefused:
    return SubscriptionRefused(
        SubscriptionRefusal.TAKEN, f"The name {name} is taken: {by}. Names are of the whole bus: choose another one."
    )


def _changed() -> SubscriptionRefused:
    return SubscriptionRefused(
        SubscriptionRefusal.CHANGED, "Others are changing it at the same time, and came first: look, and try again."
    )
