"""/v1/act/{token}: the page behind a link in a notification, and the button on it (docs/people.md#links).

GET changes nothing: mail clients and chats look at links by themselves. POST issues the command, as
/v1/problems/{id}/acknowledge does, by whom the link was sent to, and says what became of it. The token is the whole
permission: there is no other sign of who asks, so it never stands in a log, a metric or a `Referer` to elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol
from urllib.parse import parse_qs

from fastapi import APIRouter
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tocsin.connectors.catalogue.languages import accepted
from tocsin.connectors.commands import command_issued
from tocsin.connectors.gateway.act_page import KnownCase, Outcome, offered, page
from tocsin.connectors.gateway.answers import StoredCommands
from tocsin.connectors.gateway.audited import note
from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.inbox import Inbox
from tocsin.connectors.gateway.problems import KAFKA_AWAY, RATE_LIMITED, REFUSED_BY_KAFKA, refusal_of
from tocsin.connectors.gateway.rates import Payer, TenantRates
from tocsin.connectors.people.action_links import (
    ACTIONS,
    OPEN,
    PATH,
    SNOOZE_FOR,
    ActionLinks,
    Answer,
    LinkExpired,
    LinkRefused,
)
from tocsin.connectors.publish import Origin
from tocsin.schemas.events import CommandKind, CommandOutcome

WAIT = 10.0
"""Seconds that who pressed the button waits for what becomes of it."""

WHY = "by the link in a notification"

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    # Not no-referrer: with that browsers say `Origin: null` when the button is pressed.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "x-robots-tag": "noindex",
}
"""No script, nothing from elsewhere, in no frame, kept nowhere."""

_OF_ANSWER = {
    CommandOutcome.DONE: ("done", 200),
    CommandOutcome.ALREADY_SO: ("already_so", 200),
    CommandOutcome.KEPT: ("kept", 202),
    CommandOutcome.NOT_FOUND: ("not_found", 404),
}
"""What became of the command -> what the page says, and its status."""

_OF_REFUSAL = {
    RATE_LIMITED.name: Outcome("busy", 429),
    KAFKA_AWAY.name: Outcome("not_stored", 503),
    REFUSED_BY_KAFKA.name: Outcome("not_stored", 503),
}
"""What a refusal is for a person. Of any other it is not known whether anything was stored."""

MAX_FORM = 1000
"""Bytes of a form: it says again what it is for."""


class KnownCasePort(Protocol):
    """Where it is known what a case is, and who has it; the store in a running bus."""

    async def known(self, tenant: str, case: str) -> KnownCase | None:
        """What is known of a tenant's case; None when that cannot be said now."""
        ...


def act_routes(
    config: GatewayConfig,
    inbox: Inbox,
    rates: TenantRates,
    stored: StoredCommands | None,
    links: ActionLinks | None,
    now: Callable[[], int] = lambda: time.time_ns() // 1000,
    cases: KnownCasePort | None = None,
) -> APIRouter:
    """The routes; without `links` every link is one that is not known here. `now` gives microseconds.
    With `cases` the page says what it is about, and who has it."""
    router = APIRouter(include_in_schema=False)
    behind = _Behind(inbox, rates, stored, links, now)

    @router.api_route(f"{PATH}{{token}}", methods=["GET", "HEAD"])
    async def look(request: Request, token: str) -> Response:
        """Show what the link does. Changes nothing."""
        found = behind.answer_of(token)
        if isinstance(found, Outcome):
            return _shown(request, None, found)
        known = None if cases is None else await cases.known(found.tenant, found.case)
        return _shown(request, found, None, behind.buttons(found, known), known)

    @router.post(f"{PATH}{{token}}")
    async def act(request: Request, token: str) -> Response:
        """Do it."""
        found = behind.answer_of(token)
        if isinstance(found, Outcome):
            return _shown(request, None, found)
        note(request, tenant=found.tenant, who=found.by, target=found.case)
        try:
            form = await read_body(request, config)
            outcome = await behind.done(found, form)
        except Exception as error:
            kind = refusal_of(error).kind
            outcome = _OF_REFUSAL.get(kind.name, Outcome("no_answer", kind.status))
        known = None if cases is None else await cases.known(found.tenant, found.case)
        again = known is not None and known.status == "acknowledged" and outcome.says == "already_so"
        return _shown(request, found, outcome, behind.buttons(found, known) if again else {}, known)

    return router


class _Behind:
    """What is behind a link."""

    def __init__(
        self,
        inbox: Inbox,
        rates: TenantRates,
        stored: StoredCommands | None,
        links: ActionLinks | None,
        now: Callable[[], int],
    ) -> None:
        self._inbox, self._rates, self._stored, self._links, self._now = inbox, rates, stored, links, now

    def answer_of(self, token: str) -> Answer | Outcome:
        """What a token says, or why it says nothing."""
        if self._links is None:
            return Outcome("unknown", 404)
        try:
            return self._links.read(token, self._now())
        except LinkExpired:
            return Outcome("expired", 410)
        except LinkRefused:
            return Outcome("unknown", 404)

    def buttons(self, found: Answer, known: KnownCase | None) -> dict[str, str]:
        """The actions of its page and their tokens, which hold no longer than its own."""
        actions = [each for each in ACTIONS if each != OPEN] if found.action == OPEN else [found.action]
        assert self._links is not None
        return {
            action: self._links.token(replace(found, action=action)) for action in offered(actions, found.by, known)
        }

    async def done(self, asked: Answer, form: bytes) -> Outcome:
        """Issue the command, and wait. Raises what refuses it. What the form says must be what the link is for."""
        said = parse_qs(form[:MAX_FORM].decode("utf-8", "replace"))
        if asked.action == OPEN or said.get("action", [asked.action]) != [asked.action]:
            return Outcome("other", 403)
        payer = Payer(asked.tenant)
        self._rates.admit(payer)
        self._rates.charge_documents(payer, 1)
        document = {"why": WHY} | ({"for": SNOOZE_FOR} if asked.action == CommandKind.SNOOZE else {})
        if asked.action == CommandKind.ACKNOWLEDGE and "instead_of" in said:
            document["instead_of"] = said["instead_of"][-1]
        kind, origin = CommandKind(asked.action), Origin(tenant=asked.tenant)
        event = command_issued(kind, asked.case, document, origin, by=asked.by)
        await self._inbox.store(event)
        if self._stored is None:
            return Outcome("no_answer", 202)
        answer = await self._stored.outcome(event.event_id, asked.tenant, WAIT)
        if answer is None:
            return Outcome("no_answer", 504)
        says, status = _OF_ANSWER.get(answer.outcome, ("refused", 409))
        return Outcome(says, status, (answer.detail or "") if says in ("refused", "done", "already_so") else "")


def _shown(
    request: Request,
    found: Answer | None,
    outcome: Outcome | None,
    buttons: Mapping[str, str] = MappingProxyType({}),
    known: KnownCase | None = None,
) -> Response:
    languages = accepted(request.headers.get("accept-language", ""))
    status = 200 if outcome is None else outcome.status
    case_page = request.app.state.pages is not None
    return HTMLResponse(
        page(languages, found, outcome, buttons, case_page=case_page, known=known), status, headers=HEADERS
    )
