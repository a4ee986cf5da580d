"""From an event of `settings` to the endpoint that rules and sinks know; what is sealed is opened here, and nowhere
else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.sealing import SealKeys, Unsealable
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import SubscriptionSet
from tocsin.streams.rules.config import Endpoint
from tocsin.streams.rules.values import DAY
from tocsin.streams.silences.subscriptions import mapping_of
from tocsin.streams.subscriptions.wish import SINK, checked_endpoint

OVERLAP = DAY
"""How long an old secret still signs beside a new one, in microseconds."""

MAX_SECRETS = 5
"""How many secrets sign at a time: the newest, and those that were replaced within OVERLAP."""

_UNKNOWN = {"url": "https://sealed.invalid/", "secret": "whsec_" + "A" * 43 + "="}
"""What stands for the settings where nobody needs them: the rules."""


class SubscriptionUnusable(TocsinError):
    """A subscription that cannot be in force here; the message is the reason, and quotes nothing."""


class Secret(Struct, frozen=True, array_like=True):
    """What signs; `until` (microseconds) if another took its place; `key` is the id of the idempotency key under which
    it came, so that whoever repeats that request is shown it again, at whichever gateway."""

    text: str
    until: int | None = None
    key: str | None = None

    def __repr__(self) -> str:
        return "Secret(***)"


class Sealed(Struct, frozen=True, kw_only=True):
    """What is sealed: the settings of the sink, and what signs, the newest first. Shows nothing of itself."""

    settings: dict[str, Any]
    secrets: list[Secret]

    def __repr__(self) -> str:
        return "Sealed(***)"

    def signing(self, now: int) -> list[Secret]:
        """What signs at `now` (microseconds), the newest first."""
        return [one for one in self.secrets if one.until is None or one.until > now]

    def rotated(self, secret: str, now: int, key: str | None = None) -> Sealed:
        """With a new secret before those that sign now; they go on for OVERLAP, or for as long as they had."""
        ends = [min(one.until or now + OVERLAP, now + OVERLAP) for one in self.signing(now)]
        old = [msgspec.structs.replace(one, until=end) for one, end in zip(self.signing(now), ends, strict=True)]
        kept = [one for one in old if one.text != secret][: MAX_SECRETS - 1]
        return msgspec.structs.replace(self, secrets=[Secret(secret, key=key), *kept])

    def made_under(self, key: str | None, now: int) -> str | None:
        """What signs at `now`, and came under this idempotency key."""
        return next((one.text for one in self.signing(now) if key is not None and one.key == key), None)


def seal(sealed: Sealed, tenant: str, name: str, keys: SealKeys) -> str:
    """For `settings`: opens only for this tenant and name."""
    return keys.seal(msgspec.json.encode(sealed), f"{tenant}/{name}")


def unseal(event: SubscriptionSet, keys: SealKeys) -> Sealed:
    """What an event has sealed. Raises SubscriptionUnusable."""
    if event.sealed is None:
        raise SubscriptionUnusable("its settings are missing")
    try:
        return msgspec.json.decode(keys.unseal(event.sealed, f"{event.tenant}/{event.endpoint}"), type=Sealed)
    except Unsealable as unsealable:
        raise SubscriptionUnusable(f"its settings cannot be opened: {unsealable}") from None
    except (msgspec.DecodeError, RecursionError):
        raise SubscriptionUnusable("what is sealed in it is no settings") from None


def endpoint_of(event: SubscriptionSet, secrets: Sequence[Secret] = (), sealed: Sealed | None = None) -> Endpoint:
    """The endpoint of a subscription, signed with these secrets; without `sealed`, for the rules alone. Raises
    SubscriptionUnusable."""
    if event.sink != SINK:
        raise SubscriptionUnusable(f"a sink that may not be made while running: only {SINK} may")
    settings: dict[str, Any] = _UNKNOWN
    if sealed is not None:
        texts = [one.text for one in secrets]
        if not texts:
            raise SubscriptionUnusable("nothing signs")
        settings = {**sealed.settings, "secret": texts[0], "secrets": texts[1:]}
    try:
        endpoint = checked_endpoint(event.endpoint, mapping_of(event.config, "config"), settings)
    except Unreadable as unreadable:
        raise SubscriptionUnusable(f"its settings cannot be used: {unreadable}") from None
    if endpoint.audience == "operator":
        raise SubscriptionUnusable("its audience is the operator, which only the rules file may say")
    return endpoint


def shown_settings(sealed: Sealed) -> dict[str, Any]:
    """The settings without what may be secret: of the URL its origin, of headers their names."""
    from yarl import URL

    settings = json.loads(json.dumps(sealed.settings))
    url = URL(settings.pop("url", ""))
    origin = str(url.origin()) if url.is_absolute() else ""
    more = "/..." if url.raw_path_qs not in ("", "/") else ""
    headers = sorted(settings.pop("headers", {}))
    return {"url": origin + more, **({"headers": headers} if headers else {}), **settings}
