"""What a subscription is refused for, and what its maker is told: one form for the gateway and the command line."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import SubscriptionSet


class SubscriptionRefusal(StrEnum):
    """Why a subscription was not made, changed or ended: a closed set."""

    TAKEN = "taken"
    NOT_FOUND = "not_found"
    TOO_MANY = "too_many"
    NO_SEAL_KEY = "no_seal_key"
    UNUSABLE = "unusable"
    CHANGED = "changed"


class SubscriptionRefused(TocsinError):
    """Nothing was done; `why` is a sentence that says what to do, and quotes no setting."""

    def __init__(self, kind: SubscriptionRefusal, why: str) -> None:
        super().__init__(kind, why)
        self.kind = kind
        self.why = why

    def __str__(self) -> str:
        return self.why


class Made(Struct, frozen=True, kw_only=True):
    """A subscription as it is now in `settings`. `secret` is what its receiver is to verify with (`whsec_`, or the
    `whpk_` of an ed25519 pair), if it is to be shown: this once. `created`: it was not there before."""

    event: SubscriptionSet
    secret: str | None = None
    created: bool = False

    def __repr__(self) -> str:
        return f"Made({self.event.endpoint!r}, created={self.created})"
