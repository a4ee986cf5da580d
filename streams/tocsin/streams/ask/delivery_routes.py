"""Deliveries: who is told of an event."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.ask_kinds import NOT_KNOWN
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.store.structs import Delivery
from tocsin.streams.ask.asking import Asking, answers, openapi, store_refusals
from tocsin.streams.ask.parameters import parameter, refused
from tocsin.streams.ask.problem_answers import delivery
from tocsin.streams.ask.showing import page_schema, schema_of

DELIVERY = schema_of(Delivery, "attempts", attempts={"type": "array", "items": {"type": "object"}})


def delivery_routes(asking: Asking) -> APIRouter:
    """The routes."""
    router = APIRouter()

    @router.get(
        "/v1/deliveries",
        responses=answers(page_schema(DELIVERY)),
        openapi_extra=openapi(
            parameter("about", description="The event that is told: a problem, an escalation.") | {"required": True}
        ),
    )
    async def deliveries(request: Request) -> Response:
        """Who is told of an event, with every attempt."""
        asked = asking.asked(request)
        about = asked.text("about")
        asked.done()
        if about is None:
            raise refused("about", "it is missing", "the id of an event that was told: a problem, an escalation")
        with store_refusals():
            told = await asking.reader(request).told_of([about.removeprefix("urn:uuid:")])
        return asking.shown(request, "deliveries", {"items": [delivery(one) for one in told]})

    @router.get("/v1/deliveries/{delivery_id}", responses=answers(DELIVERY), openapi_extra=openapi())
    async def one_delivery(request: Request, delivery_id: str) -> Response:
        """A delivery with its attempts."""
        asking.asked(request).done()
        with store_refusals():
            told = await asking.reader(request).delivery(delivery_id)
        if told is None:
            raise Refusal(NOT_KNOWN)
        return asking.shown(request, "delivery", delivery(told))

    return router
