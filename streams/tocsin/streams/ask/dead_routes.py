"""Dead letters: where and why records died, one whole, and once more to the topic where it died."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.commands import who
from tocsin.connectors.gateway.admission import caller_of, payer_of
from tocsin.connectors.gateway.answers import ANSWERED
from tocsin.connectors.gateway.ask_kinds import LETTERS_AWAY, NOT_KNOWN, NOT_REPLAYED
from tocsin.connectors.gateway.audited import note
from tocsin.connectors.gateway.problems import OPERATORS_ONLY, Refusal, refusals
from tocsin.connectors.gateway.rates import Rate, TenantRates
from tocsin.connectors.gateway.request import ACCEPTED, BY_PARAMETER, TENANT_PARAMETER, read_command
from tocsin.connectors.gateway.subscription_requests import text_of
from tocsin.connectors.store.bus_structs import DeadLetter
from tocsin.connectors.store.queries.operations import DeadFilter
from tocsin.streams.ask.asking import Asking, answers, openapi, store_refusals
from tocsin.streams.ask.dead_facts import DeadPort, LettersAway, ReplayOutcome, ShownLetter
from tocsin.streams.ask.links import Links
from tocsin.streams.ask.parameters import Asked, listing_parameters, parameter, time_parameters
from tocsin.streams.ask.showing import page, page_schema, schema_of, shown

FILTERS = ("event", "reason", "stage", "topic", "type", "endpoint")
NOBODYS = ""
"""The tenant of letters of which nobody can say whose they are."""

_PLACE = re.compile(r"([0-9]{1,6}):([0-9]{1,18})")
_OBJECT: dict[str, Any] = {"type": "object"}
_LETTER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "content": _OBJECT, "text": {"type": "string"}, "headers": _OBJECT,
        "replayed": {"type": "boolean"}, "cannot_be_replayed": {"type": "string"}, "links": _OBJECT,
    },
    "required": ["id", "replayed", "headers"],
}  # fmt: skip


def dead_routes(asking: Asking, letters: DeadPort | None) -> APIRouter:
    """The routes; without `letters` only the list."""
    router = APIRouter()

    @router.get(
        "/v1/dead",
        responses=answers(page_schema(schema_of(DeadLetter, links=_OBJECT))),
        openapi_extra=openapi(
            *(parameter(name) for name in FILTERS),
            parameter("nobodys", {"type": "boolean"}),
            *time_parameters(),
            *listing_parameters(),
        ),
    )
    async def dead(request: Request) -> Response:
        """The dead letters, newest first: where each record died, and why. `nobodys=true` lists those of which nobody
        can say whose they are, to who may see every tenant."""
        asked, links = asking.asked(request), asking.links(request)
        wanted, nobodys, part = _filter(asked), asked.flag("nobodys"), asked.listing()
        asked.done()
        if nobodys and not caller_of(request).every_tenant:
            raise Refusal(OPERATORS_ONLY)
        reader = asking.store.reader(NOBODYS) if nobodys else asking.reader(request)
        with store_refusals():
            found = await reader.dead_letters(wanted, part.cursor, part.limit)
        rows = (shown(one) | {"links": {"self": links.to("dead", one.id)}} for one in found.items)
        return asking.shown(request, "dead", page(found, links.next(found.cursor), rows))

    if letters is not None:
        _of_one(router, asking, letters)
    return router


def _of_one(router: APIRouter, asking: Asking, letters: DeadPort) -> None:
    rates = TenantRates(Rate(2, 20), Rate(0, 0))  # each reads Kafka

    @router.get("/v1/dead/{letter}", responses=answers(_LETTER), openapi_extra=openapi())
    async def one(request: Request, letter: str) -> Response:
        """One letter with the event in it, without its secrets, or the beginning of its bytes; whether it was replayed,
        and why it cannot be."""
        asking.asked(request).done()
        caller, (partition, offset) = caller_of(request), _place(letter)
        rates.charge_documents(payer_of(request), 1)
        with _kafka():
            found = await letters.letter(partition, offset)
        if found is None or not (caller.every_tenant or found.tenant == caller.tenant):
            raise Refusal(NOT_KNOWN)
        return asking.shown(request, "letter", _document(found, letter, asking.links(request)))

    @router.post(
        "/v1/dead/{letter}/replay",
        responses=ACCEPTED | {200: {"description": "Replayed, or so already"}, 404: ANSWERED[404], 409: ANSWERED[409]},
        openapi_extra={"parameters": [TENANT_PARAMETER, BY_PARAMETER]},
    )
    async def replay(request: Request, letter: str) -> Response:
        """Write the record once more to the topic where it died, and note that: the same as `tocsin dead replay`.
        Answered 200 when Kafka has both. `again`: also one that was replayed already."""
        _, document, by = await read_command(request, request.app.state.config)
        caller, (partition, offset) = caller_of(request), _place(letter)
        rates.charge_documents(payer_of(request), 1)
        with refusals(), _kafka():
            said = who(text_of(document.get("by")) or by)
            note(request, target=letter)
            done = await letters.replay(
                partition, offset, said, tenant=None if caller.every_tenant else caller.tenant,
                again=document.get("again") is True,
            )  # fmt: skip
        return _replayed(done, letter)


def _filter(asked: Asked) -> DeadFilter:
    texts = {name: asked.text(name) for name in FILTERS}
    return DeadFilter(**texts, since=asked.time("since"), until=asked.time("until"))


def _place(letter: str) -> tuple[int, int]:
    found = _PLACE.fullmatch(letter)
    if found is None:
        raise Refusal(NOT_KNOWN)
    return int(found[1]), int(found[2])


@contextmanager
def _kafka() -> Iterator[None]:
    try:
        yield
    except LettersAway as away:
        raise Refusal(LETTERS_AWAY) from away


def _document(found: ShownLetter, letter: str, links: Links) -> dict[str, Any]:
    said = {name: value for name, value in found.fields.items() if value not in (None, "")}
    around = {"self": links.to("dead", letter)}
    if found.refusal is None:
        around["replay"] = links.to("dead", letter, "replay")
    event = said.get("event_id")
    if event:
        around["problem"] = links.problem(str(event))
    told = {"tenant": found.tenant, "content": found.content, "text": found.text, "cannot_be_replayed": found.refusal}
    return (
        said
        | {"id": letter, "replayed": found.replayed, "claimed": found.claimed, "headers": found.headers}
        | {name: value for name, value in told.items() if value is not None}
        | {"links": around}
    )


def _replayed(done: ReplayOutcome, letter: str) -> Response:
    if done.outcome == "not_found":
        raise Refusal(NOT_KNOWN)
    if done.outcome == "refused":
        raise Refusal(NOT_REPLAYED, detail=done.detail)
    said = {"letter": letter, "outcome": done.outcome, "detail": done.detail, "topic": done.topic}
    told = {name: value for name, value in said.items() if value is not None}
    return Response(msgspec.json.encode(told), media_type="application/json", headers={"cache-control": "no-store"})
