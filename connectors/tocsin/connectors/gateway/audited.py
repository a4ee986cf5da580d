"""What a request leaves on the topic `audit`: that it was asked for before it is carried out, and how it ended.

What changes something is told one by one: Kafka has the first event before the route runs, so that nothing is done of
which nobody knows who did it. Everything else, and what is refused at the door, is counted.
"""

from __future__ import annotations

import time

from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.types import Scope

from tocsin.connectors.access import Audit, CredentialRefused, network_of
from tocsin.connectors.gateway.answered import Answered
from tocsin.connectors.gateway.context import request_id_of
from tocsin.connectors.gateway.problems import Refusal
from tocsin.schemas.events import AccessAudited, AuditOutcome, CredentialKind
from tocsin.schemas.ids import new_event_id

_ASKED, _NOTED = "tocsin.asked", "tocsin.noted"


class Told(Struct, frozen=True, kw_only=True):
    """Who asks for what; of tenant `*` when nobody is known to ask."""

    action: str
    tenant: str = "*"
    credential: CredentialKind = CredentialKind.NONE
    who: str | None = None
    key: str | None = None
    target: str | None = None


class AuditedRequest:
    """One request, as it is told. Without an `audit` nothing is; `whole` keeps whole addresses."""

    def __init__(self, request: Request, audit: Audit | None, *, whole: bool) -> None:
        self._request, self._audit = request, audit
        self._address = network_of(request.client.host if request.client is not None else None, whole)

    async def asked(self, told: Told) -> None:
        """Tell what is about to be done; returns only once Kafka has it. Raises what `Audit.write` raises."""
        if self._audit is not None:
            event = self._event(told, AuditOutcome.ASKED)
            await self._audit.write(event)
            self._request.scope[_ASKED] = event

    def used(self, told: Told, what: str) -> None:
        """Count a use for what changes nothing, or is a report."""
        if self._audit is not None:
            self._audit.count(replace(self._event(told, AuditOutcome.DONE), action=f"key.use {what}", target=None))

    def refused(self, told: Told, refusal: Refusal) -> None:
        """Count one that was not let in."""
        if self._audit is None:
            return
        cause, why = refusal.__cause__, refusal.kind.name
        if isinstance(cause, CredentialRefused):
            told, why = replace(told, key=cause.key), f"{why}: {cause}"
        event = replace(self._event(told, AuditOutcome.REFUSED), status=refusal.kind.status, reason=why)
        self._audit.count(event)

    def _event(self, told: Told, outcome: AuditOutcome) -> AccessAudited:
        now = time.time_ns() // 1000
        return AccessAudited(
            event_id=new_event_id(),
            tenant=told.tenant,
            occurred_at=now,
            recorded_at=now,
            action=told.action,
            credential=told.credential,
            who=told.who,
            key=told.key,
            target=told.target,
            address=self._address,
            outcome=outcome,
            request_id=request_id_of(self._request),
        )


def note(request: Request, **changes: str) -> None:
    """Say more of a request than its head does, for how it ended: `tenant`, `who`, `key` or `target`."""
    request.scope[_NOTED] = {**request.scope.get(_NOTED, {}), **changes}


def tells_outcomes(audit: Audit) -> Answered:
    """What tells how each request ended that was asked for."""

    def answered(scope: Scope, status: int, seconds: float) -> None:
        asked = scope.get(_ASKED)
        if asked is not None:
            audit.soon(_ended(asked, status, scope.get(_NOTED, {})))

    return answered


def _ended(asked: AccessAudited, status: int, noted: dict[str, str]) -> AccessAudited:
    now = time.time_ns() // 1000
    changed = {"event_id": new_event_id(), "cause": asked.event_id, "occurred_at": now, "recorded_at": now}
    return replace(asked, **changed, outcome=_outcome(status), status=status, **noted)


def _outcome(status: int) -> AuditOutcome:
    if status < 400:
        return AuditOutcome.DONE
    if status == 504:
        return AuditOutcome.UNKNOWN  # it is stored, and may be carried out yet
    return AuditOutcome.REFUSED if status < 500 else AuditOutcome.FAILED
