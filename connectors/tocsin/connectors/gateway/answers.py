"""What became of a command, for those who issued it over HTTP: `?wait=5s`, and GET /v1/commands/{id}."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import quote

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.commands import span_of
from tocsin.connectors.commands.command import REMEMBERED
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.kind import Kind
from tocsin.connectors.gateway.problems import (
    BAD_WAIT,
    COMMAND_REFUSED,
    COMMAND_UNHEARD_OF,
    MEDIA_TYPE,
    NO_ANSWER,
    NO_SUCH_CASE,
    Refusal,
)
from tocsin.connectors.gateway.request import READ_REFUSED, TENANT_PARAMETER, read_head
from tocsin.schemas.events import CommandAnswered, CommandOutcome

LONGEST_WAIT = 30.0
"""Seconds that a request may wait for an answer."""

WAITING = 100
"""How many requests wait at a time, far fewer than there may be connections: while no worker answers, those who publish
must still get in. Who comes beyond them is answered at once, with 202 and where to look."""

WAIT_PARAMETER = {
    "name": "wait",
    "in": "query",
    "description": "How long to wait for what becomes of the command, at most 30s: 5s. Without it the answer is 202.",
    "schema": {"type": "string"},
}

IDS = "a case, or the id of a report, an event, a notification or a delivery; for a choice also a message or a thread"
"""The ids that a command takes."""

_NOT_DONE: dict[CommandOutcome, Kind] = {
    CommandOutcome.KEPT: NO_SUCH_CASE,
    CommandOutcome.NOT_FOUND: NO_SUCH_CASE,
    CommandOutcome.REFUSED: COMMAND_REFUSED,
    CommandOutcome.UNKNOWN: COMMAND_REFUSED,
}

ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {"description": "What became of it: done, or already so"},
    404: {"description": "Nothing is known of its target", "content": {MEDIA_TYPE: {}}},
    409: {"description": "It cannot be carried out", "content": {MEDIA_TYPE: {}}},
    504: {"description": "Stored, and not answered in time", "content": {MEDIA_TYPE: {}}},
}
"""The answers of a route that waits."""


class AnswerPort(Protocol):
    """Where answers to commands are heard; the topic `answers` in a running bus."""

    def latest(self, command: str) -> CommandAnswered | None:
        """The last answer to the command of this event id that was heard of."""
        ...

    async def answer(self, command: str, within: float) -> CommandAnswered | None:
        """The answer to a command, as soon as it comes; None when none has come within so many seconds."""
        ...


class CasePort(Protocol):
    """Where the case of an id is looked for that the rules do not know: that of an event or of a delivery."""

    async def case_of(self, target: str, tenant: str, within: float) -> str | None:
        """The case; None when it is not found within so many seconds, or is another tenant's."""
        ...


class StoredCommands:
    """The commands that were stored here, the last REMEMBERED ones, and what became of them."""

    def __init__(self, port: AnswerPort, cases: CasePort | None = None) -> None:
        """Without `cases` only ids are known that the rules know."""
        self._port, self._cases = port, cases
        self._tenants: OrderedDict[str, str] = OrderedDict()
        self._waiting = 0

    async def answered(self, command: str, tenant: str, within: float | None) -> Response:
        """The response for a command that Kafka has: 202 without a wait, and when WAITING others wait already. Raises
        Refusal for what was not done."""
        self._remember(command, tenant)
        status = f"/v1/commands/{command}?tenant={quote(tenant)}"
        if within is None or self._waiting >= WAITING:
            return _json({"event_id": command, "status": status}, 202, status)
        with self._one_more_waits():
            answer = await self._port.answer(command, within)
        if answer is None:
            raise Refusal(NO_ANSWER, event_id=command, status_url=status)
        kind = _NOT_DONE.get(answer.outcome)
        if kind is not None:
            raise Refusal(kind, **_shown(answer), expected=IDS if kind is NO_SUCH_CASE else "")
        return _json(_shown(answer), 200)

    async def outcome(self, command: str, tenant: str, within: float) -> CommandAnswered | None:
        """What became of a command that Kafka has; None when it did not come in time, or WAITING others wait
        already."""
        self._remember(command, tenant)
        if self._waiting >= WAITING:
            return None
        with self._one_more_waits():
            return await self._port.answer(command, within)

    def _remember(self, command: str, tenant: str) -> None:
        self._tenants[command] = tenant
        self._tenants.move_to_end(command)
        while len(self._tenants) > REMEMBERED:
            self._tenants.popitem(last=False)

    async def case_of(self, target: str, tenant: str, within: float) -> str | None:
        """The case of an id that the rules do not know; None when it is not found, or WAITING others wait already."""
        if self._cases is None or self._waiting >= WAITING:
            return None
        with self._one_more_waits():
            return await self._cases.case_of(target, tenant, within)

    @contextmanager
    def _one_more_waits(self) -> Iterator[None]:
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def status(self, command: str, tenant: str) -> dict[str, object] | None:
        """What is known of a tenant's command: its answer, or that it is pending; None for nothing."""
        answer = self._port.latest(command)
        if answer is not None and answer.tenant == tenant:
            return _shown(answer)
        if answer is None and self._tenants.get(command) == tenant:
            return {"event_id": command, "outcome": "pending"}
        return None


def answer_routes(config: GatewayConfig, stored: StoredCommands) -> APIRouter:
    """The route that tells what became of a command."""
    router = APIRouter()
    missing: dict[int | str, dict[str, Any]] = {**READ_REFUSED, 404: ANSWERED[404]}

    @router.get("/v1/commands/{command}", responses=missing, openapi_extra={"parameters": [TENANT_PARAMETER]})
    async def status(request: Request, command: str) -> Response:
        """What became of a command: done, already_so, kept, not_found, refused; or pending."""
        found = stored.status(command, read_head(request, body=False).tenant)
        if found is None:
            raise Refusal(COMMAND_UNHEARD_OF)
        return _json(found, 200)

    return router


def wait_of(request: Request) -> float | None:
    """The seconds that `?wait=` says, or None. Raises Refusal."""
    said = request.query_params.getlist("wait")
    if not said:
        return None
    try:
        seconds = span_of(said[0], "/wait") / 1_000_000 if len(said) == 1 else -1.0
    except Unreadable:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_WAIT:
        raise Refusal(BAD_WAIT)
    return seconds or None


def _shown(answer: CommandAnswered) -> dict[str, object]:
    shown: dict[str, object] = {"event_id": answer.command, "outcome": answer.outcome.value}
    if answer.case is not None:
        shown["case"] = answer.case
    if answer.detail is not None:
        shown["detail"] = answer.detail
    return shown


def _json(document: dict[str, object], status: int, location: str | None = None) -> Response:
    headers = {} if location is None else {"location": location}
    return Response(msgspec.json.encode(document), status, headers=headers, media_type="application/json")
