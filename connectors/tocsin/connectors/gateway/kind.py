"""One entry of the gateway's catalogue of refusals (`problems`)."""

from __future__ import annotations

from msgspec import Struct


class Kind(Struct, frozen=True):
    """One entry of the catalogue. `name` ends the type URI and is a metric label; `retry_after` is in seconds;
    `challenge` is what WWW-Authenticate says (RFC 6750)."""

    name: str
    status: int
    title: str
    detail: str
    retry_after: int | None = None
    close: bool = False
    challenge: str | None = None
