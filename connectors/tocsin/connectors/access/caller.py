"""Who asks for something, and what that one may do."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import CredentialKind

EVERY_TENANT = "*"
"""In place of a tenant: any, by its name. No tenant can be called that."""


class Scope(StrEnum):
    """What a credential is for. `admin` covers publish, read and command; and for every tenant `metrics`, too."""

    PUBLISH = "publish"
    READ = "read"
    COMMAND = "command"
    ADMIN = "admin"
    METRICS = "metrics"


class RefusedFor(StrEnum):
    """Why a credential does not hold."""

    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    MALFORMED = "malformed"
    TOO_LONG = "too_long"
    BAD_ALGORITHM = "bad_algorithm"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    NOT_YET_VALID = "not_yet_valid"
    NO_TENANT = "no_tenant"
    NOT_CONFIGURED = "not_configured"


class CredentialRefused(TocsinError):
    """A credential does not hold; the text never has a part of it. `key` is the id of the key, if there is one."""

    def __init__(self, reason: RefusedFor, key: str | None = None) -> None:
        super().__init__(reason.value)
        self.reason, self.key = reason, key


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks. `tenant` is whose data it is about: that of the credential, or the one that was named where the
    credential may name any (`every_tenant`). `name` is for people; `key` the id of an API key, `rate` its documents a
    second."""

    tenant: str
    scopes: frozenset[Scope]
    name: str
    kind: CredentialKind
    key: str | None = None
    every_tenant: bool = False
    rate: int | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the scopes cover this one."""
        if scope is Scope.METRICS and not self.every_tenant:
            return False  # they are of all, whatever an issuer gives in a token of one tenant
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def may_give(self, scopes: Iterable[Scope], tenant: str) -> bool:
        """Whether this one may make a credential of a tenant with these scopes: never more than it may do itself."""
        if not self.every_tenant and tenant != self.tenant:
            return False
        return self.may(Scope.ADMIN) and all(self.may(scope) for scope in scopes)


def scopes_of(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes of these names; what is none gives nothing."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[name] for name in names if name in known)
