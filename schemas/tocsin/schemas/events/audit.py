"""Events of the topic `audit` (key: tenant): who used, made or ended a credential, and who changed what."""

from __future__ import annotations

from enum import StrEnum

from tocsin.schemas.events.base import EventBase


class CredentialKind(StrEnum):
    """How it was shown who asks; `unknown` is what an older reader sees of a newer kind.

    key: an API key. token: a JWT. link: one of those that people are sent. anonymous: nothing, from the bus's own
    machine. none: nothing, or nothing that holds. kafka: whoever may write to Kafka, as the command line does.
    """

    KEY = "key"
    TOKEN = "token"
    LINK = "link"
    ANONYMOUS = "anonymous"
    NONE = "none"
    KAFKA = "kafka"
    UNKNOWN = "unknown"


class AuditOutcome(StrEnum):
    """How it ended; `unknown` is what an older reader sees of a newer outcome.

    asked: it is about to be done; an event whose `cause` is this one says how it ended, unless the process died.
    """

    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


class AccessAudited(EventBase, frozen=True, kw_only=True):
    """Who asked for what, from where, and what became of it.

    `action` is the method and the route (`POST /v1/silences`), or `key.create`, `key.revoke`, `key.use`; of uses, one
    event stands for `count` of them. `who` is the name of the key, the subject of a token, or who says so on the
    command line; `address` is shortened to its network. Of `tenant` `*` it is about every tenant, or none.
    """

    action: str
    credential: CredentialKind
    who: str | None = None
    key: str | None = None
    target: str | None = None
    address: str | None = None
    outcome: AuditOutcome
    status: int | None = None
    reason: str | None = None
    count: int = 1
    request_id: str | None = None
