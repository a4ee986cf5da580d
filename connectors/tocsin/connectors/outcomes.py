"""How one attempt to deliver ended: three values, each named for the reaction, with a closed set of reasons."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

Sha256 = Annotated[str, Meta(max_length=64)]
"""In hexadecimal."""


class Reason(StrEnum):
    """Why an attempt did not deliver: a closed set, the label of the failure metric.

    `gone` ends the delivery and disables its endpoint until a command enables it (docs/reliability.md#f8; in
    streams.rules.deliver); `unacceptable` ends the delivery; the others are tried again. `unverified`: the receiver has
    not agreed to be sent anything, so nothing was sent (docs/reliability.md#ownership). `other_tenant`, which ends the
    delivery: the endpoint is a subscription of somebody else by now, or the identity that would speak is somebody
    else's, so nothing was sent. The last four are of DIDComm peers (docs/didcomm.md#what-becomes-of-a-message): nobody
    is named, the DID has no document, the document no service that could be used, or a key is missing, ours or the
    peer's.
    """

    GONE = "gone"
    UNACCEPTABLE = "unacceptable"
    CLIENT_ERROR = "client_error"
    AUTH_ERROR = "auth_error"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    REDIRECTED = "redirected"
    BAD_ANSWER = "bad_answer"
    TIMEOUT = "timeout"
    DNS_FAILED = "dns_failed"
    CONNECT_FAILED = "connect_failed"
    CONNECTION_LOST = "connection_lost"
    TLS_FAILED = "tls_failed"
    ADDRESS_REFUSED = "address_refused"
    PROXY_FAILED = "proxy_failed"
    UNVERIFIED = "unverified"
    SINK_FAILED = "sink_failed"
    OTHER_TENANT = "other_tenant"
    NO_PEER = "no_peer"
    UNRESOLVED = "unresolved"
    NO_SERVICE = "no_service"
    NO_KEY = "no_key"


class Delivered(Struct, frozen=True, kw_only=True):
    """The other side has taken it; `status` is the protocol's, if it has one. `message_sha256` of any outcome: what the
    other side was sent, where that is not the body of the attempt (the envelope of DIDComm), in hexadecimal."""

    status: int | None = None
    message_sha256: Sha256 | None = None


class RetryLater(Struct, frozen=True, kw_only=True):
    """Not now. `after` is what the other side asked for, in microseconds from now: a hint that never makes the next
    attempt earlier than the schedule does (docs/reliability.md#f7)."""

    reason: Reason
    after: int | None = None
    status: int | None = None
    message_sha256: Sha256 | None = None


class Rejected(Struct, frozen=True, kw_only=True):
    """Never: trying again cannot help. The delivery is dead; with `gone` its endpoint is disabled, too."""

    reason: Reason
    status: int | None = None
    message_sha256: Sha256 | None = None


SinkOutcome = Delivered | RetryLater | Rejected
"""How one attempt ended, as the sink saw it."""
