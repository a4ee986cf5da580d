"""/v1/try: what would happen to a document, without anything being sent or written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from fastapi import APIRouter
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.commands.members import moment_of
from tocsin.connectors.dialects import AUTO, DIALECT_OF_MEDIA_TYPE, DIALECTS, Unreadable, UnreadableReason
from tocsin.connectors.dialects.context import read_context
from tocsin.connectors.dialects.json_text import MAX_DOCUMENT, json_text, parse_json
from tocsin.connectors.dialects.table import ALIASES
from tocsin.connectors.gateway.accepting import prefers_page
from tocsin.connectors.gateway.admission import caller_of
from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.problems import BUSY, Refusal, refusals
from tocsin.connectors.gateway.rates import Rate, TenantRates
from tocsin.connectors.gateway.request import JSON, READ_REFUSED, TENANT_PARAMETER, RequestHead, read_head
from tocsin.connectors.publish import Origin
from tocsin.connectors.redaction import Redaction
from tocsin.streams.ask.asking import Asking, answers, openapi
from tocsin.streams.ask.trying import ASSUMED, Trial, what_would_happen
from tocsin.streams.rules.config import DecideConfig

OPTIONS = frozenset({"document", "dialect", "media_type", "context", "at", "by"})
"""Members of a request that says more than the document. `by` is what every form of our pages has."""

AT_ONCE = 2
"""Trials that run at a time in threads of their own; WAITING more wait for their turn."""
WAITING = 8
LARGE = Rate(64 * 1024, 1024 * 1024)
"""Bytes of documents that a tenant may try: a large one takes half a second of what all tenants share."""

_OBJECTS: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_ASKED: dict[str, Any] = {
    "type": "object",
    "properties": {"assumed": _TEXTS, "dialects": _TEXTS, "most_bytes": {"type": "integer"}},
    "required": ["assumed", "dialects", "most_bytes"],
}
_SAID: dict[str, Any] = {
    "type": "object",
    "properties": {
        "assumed": _TEXTS, "read": {"type": "object"}, "violations": _OBJECTS, "is_problem": {"type": "boolean"},
        "outcome": {"type": "string"}, "stages": _OBJECTS, "routes": _TEXTS, "subscriptions": _TEXTS,
        "events": _OBJECTS, "told": _OBJECTS, "whole": {"type": "boolean"},
    },
    "required": ["assumed", "read", "violations", "is_problem", "outcome"],
}  # fmt: skip
_EXAMPLE = {"document": {"title": "The ledger did not answer", "status": 504}, "at": "2026-12-24T18:00:00Z"}
_BODY = {
    "required": True,
    "content": {
        JSON: {"schema": {"type": "object"}, "example": _EXAMPLE},
        **{media_type: {} for media_type in DIALECT_OF_MEDIA_TYPE},
    },
}


class InForce(Struct, frozen=True, kw_only=True):
    """The rules as a gateway knows them, what is taken out of a tenant's events, and notes about what it does not
    know."""

    config: DecideConfig
    redaction: Redaction
    notes: Sequence[str] = ()


class RulesPort(Protocol):
    """Where the rules are known."""

    async def in_force(self, tenant: str) -> InForce:
        """What would decide about a tenant's problem now. Raises Refusal where that is not known."""
        ...


def try_routes(asking: Asking, rules: RulesPort, rates: TenantRates) -> APIRouter:
    """The routes. They ask for `read`: what they tell is what who may read could read if it had happened."""
    router = APIRouter()
    own, trials = TenantRates(Rate(2, 20), LARGE), _Trials()

    @router.get("/v1/try", responses=answers(_ASKED), openapi_extra=openapi())
    async def page(request: Request) -> Response:
        """What may be tried, and what is taken for granted; for a browser the page where a document is pasted."""
        asking.asked(request).done()
        return asking.shown(request, "try", _question())

    @router.post(
        "/v1/try",
        responses=answers(_SAID) | dict.fromkeys((408, 413, 415, 422), READ_REFUSED[400]),
        openapi_extra={"parameters": [TENANT_PARAMETER], "requestBody": _BODY},
    )
    async def tried(request: Request) -> Response:
        """Say what would happen to a document: what is read of it, which rules of its dialect it breaks, what each
        stage decides, which routes take it, and who would be told what. Nothing is sent or written. The body is the
        document as it would be published, or JSON: `document` (a text, or JSON), `dialect`, `media_type`, `context`,
        `at`."""
        head = read_head(request)
        rates.admit(head.payer)
        own.admit(head.payer)
        own.charge_documents(head.payer, 1)
        raw = await read_body(request, request.app.state.config)
        for each in (rates, own):
            each.charge_bytes(head.payer, len(raw))
        rates.charge_documents(head.payer, 1)
        wanted = _Wanted(raw, head, asking.clock())
        try:
            with refusals():
                wanted.read()
                in_force = await rules.in_force(caller_of(request).tenant)
                said = await trials.run(wanted.trial(in_force))
        except Refusal as refusal:
            if asking.pages is None or not prefers_page(request):
                raise
            return _of_now(asking.page(request, "try", _question() | wanted.said() | {"refusal": refusal.document()}))
        if asking.pages is not None and prefers_page(request):
            return _of_now(asking.page(request, "try", _question() | wanted.said() | said))
        return _of_now(asking.shown(request, "try", said))

    return router


def _of_now(response: Response) -> Response:
    response.headers["cache-control"] = "no-store"
    return response


def _question() -> dict[str, Any]:
    return {"assumed": list(ASSUMED), "dialects": [AUTO, *DIALECTS], "most_bytes": MAX_DOCUMENT}


class _Trials:
    """Runs trials in threads, few at a time."""

    def __init__(self) -> None:
        self._turns, self._waiting = asyncio.Semaphore(AT_ONCE), 0

    async def run(self, trial: Trial) -> dict[str, Any]:
        """What would happen. Raises Unreadable, Refusal(BUSY)."""
        if self._waiting >= WAITING:
            raise Refusal(BUSY)
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(what_would_happen, trial)
        finally:
            self._waiting -= 1


class _Wanted:
    """What a request asks to be tried."""

    def __init__(self, body: bytes, head: RequestHead, now: int) -> None:
        self._body, self._head, self._now = body, head, now
        self._options: dict[str, Any] = {}
        self._raw = body

    def read(self) -> None:
        """Take the document and the options apart. Raises Unreadable."""
        if self._head.media_type != JSON or b'"document"' not in self._body:
            return
        found = parse_json(self._body, max_bytes=4 * MAX_DOCUMENT)
        if not isinstance(found, dict) or "document" not in found or not found.keys() <= OPTIONS:
            return
        self._options = found
        document = found["document"]
        text = document if isinstance(document, str) else json_text(document)
        self._raw = text.encode("utf-8", "surrogatepass")

    def said(self) -> dict[str, Any]:
        """The question as it was asked, for the page."""
        shown = {name: self._options[name] for name in ("dialect", "at") if isinstance(self._options.get(name), str)}
        return shown | {"document": self._raw[:MAX_DOCUMENT].decode("utf-8", "replace")}

    def trial(self, in_force: InForce) -> Trial:
        """What is to be tried. Raises Unreadable naming an option."""
        dialect = self._text("dialect") or self._head.dialect
        dialect = ALIASES.get(dialect, dialect)
        if dialect != AUTO and dialect not in DIALECTS:
            raise Unreadable(UnreadableReason.WRONG_TYPE, "/dialect", f"one of {', '.join((AUTO, *DIALECTS))}")
        media_type = self._text("media_type") or self._head.media_type
        if dialect == AUTO:
            dialect = DIALECT_OF_MEDIA_TYPE.get(media_type, AUTO)
        at, context = self._text("at"), self._options.get("context")
        if not isinstance(context, dict | None):
            raise Unreadable(UnreadableReason.WRONG_TYPE, "/context", "an object")
        origin = Origin(
            tenant=self._head.tenant, dialect=dialect, media_type=media_type,
            context=None if context is None else read_context(context),
        )  # fmt: skip
        now = self._now if not at else max(0, moment_of(at, "/at"))
        return Trial(
            raw=self._raw, origin=origin, config=in_force.config, redaction=in_force.redaction, now=now,
            notes=in_force.notes,
        )  # fmt: skip

    def _text(self, name: str) -> str:
        said = self._options.get(name) or ""
        if not isinstance(said, str):
            raise Unreadable(UnreadableReason.WRONG_TYPE, f"/{name}", "a text")
        return said.strip()
