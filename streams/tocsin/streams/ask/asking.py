"""What every question shares: the store, who asks, the clock, and how an answer is written."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.accepting import prefers_page
from tocsin.connectors.gateway.admission import caller_of
from tocsin.connectors.gateway.ask_kinds import NOT_KNOWN, STORE_AWAY
from tocsin.connectors.gateway.page_port import HEADERS, PagePort
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.gateway.request import READ_REFUSED, TENANT_PARAMETER
from tocsin.connectors.store import CursorInvalid, Reader, Store, StoreTooNew, StoreTooOld, StoreUnavailable
from tocsin.streams.ask.forms import HTML, JSON, not_there
from tocsin.streams.ask.links import Links
from tocsin.streams.ask.parameters import SORTED, Asked, parameter, refused
from tocsin.streams.ask.positions import MAX_TEXT, TOPICS, Positions, text_of
from tocsin.streams.ask.showing import described

T = TypeVar("T")

WAITS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.4, 0.4)
"""Seconds between looks for what was accepted and is not in the store yet: two together."""

WAITING = 100
"""How many requests wait at a time; who comes beyond them is answered at once."""

SHOWN = {JSON: "application/json", HTML: "text/html"}
"""The forms of most answers."""

_ENCODER = msgspec.json.Encoder()


class Asking:
    """Where routes get their answers from. `waits`: seconds between looks for what is not there yet; `clock` gives
    microseconds; without `pages` there is JSON alone."""

    def __init__(
        self,
        store: Store,
        public_url: str | None,
        waits: Sequence[float] = WAITS,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        pages: PagePort | None = None,
    ) -> None:
        self.store, self.clock, self.pages = store, clock, pages
        self._public_url, self._waits, self._waiting = public_url, waits, 0

    def reader(self, request: Request) -> Reader:
        """What the caller may read, and nothing else."""
        return self.store.reader(caller_of(request).tenant)

    def links(self, request: Request) -> Links:
        """Where things are."""
        return Links(self._public_url, request)

    def asked(self, request: Request) -> Asked:
        """The parameters."""
        return Asked(request, self.clock())

    def shown(
        self,
        request: Request,
        name: str,
        document: dict[str, Any],
        headers: dict[str, str] | None = None,
        *,
        in_order: bool = False,
    ) -> Response:
        """A document in the form that is asked for: as JSON, or as the page of this `name`. Its `items`, unless they
        are `in_order` already, are sorted by the member that `?sort=` names, downwards with a minus before it: on a
        page also by one that no item has, since its heads name what may be missing. Raises Refusal."""
        on_page = form_asked(request, self.forms(SHOWN)) == HTML
        document = document if in_order else _sorted(request, document, on_page)
        return self.page(request, name, document) if on_page else json_answer(request, document, headers)

    def forms(self, forms: Mapping[str, str]) -> Mapping[str, str]:
        """Those of these forms that there are here."""
        return forms if self.pages is not None else {name: kind for name, kind in forms.items() if name != HTML}

    def page(self, request: Request, name: str, document: dict[str, Any]) -> Response:
        """The page of this `name` about a document. Raises Refusal where there are no pages."""
        if self.pages is None:
            raise not_there([HTML], SHOWN)
        return self.pages.shown(request, name, document, self.clock())

    async def standing(self, request: Request) -> dict[str, str]:
        """Where the store stands, as `since` of a page whose rows are live: asked before what the page shows, so that
        whatever is not in it yet is told. Nothing for a program, and of a store that is empty. Raises Refusal."""
        if form_asked(request, self.forms(SHOWN)) != HTML:
            return {}
        with store_refusals():
            progress = await self.store.progress()
        positions: Positions = {}
        for one in progress:
            if one.topic in TOPICS:
                positions.setdefault(one.topic, {})[one.partition] = one.next
        since = text_of(positions)
        return {"since": since} if positions and len(since) <= MAX_TEXT else {}

    async def awaited(
        self, question: Callable[[], Awaitable[T | None]], holds: Callable[[T], bool] = lambda found: True
    ) -> T:
        """The answer, asked for again for two seconds while there is none, or none that `holds`: then it is the last
        one. Raises Refusal(NOT_KNOWN)."""
        with store_refusals():
            found = await question()
            if (found is None or not holds(found)) and self._waiting < WAITING:
                self._waiting += 1
                try:
                    for seconds in self._waits:
                        await asyncio.sleep(seconds)
                        found = await question()
                        if found is not None and holds(found):
                            break
                finally:
                    self._waiting -= 1
        if found is None:
            raise Refusal(NOT_KNOWN)
        return found


@contextmanager
def store_refusals() -> Iterator[None]:
    """Within, what the store raises is a refusal."""
    try:
        yield
    except CursorInvalid as error:
        raise refused("cursor", str(error), "`next` of the page before") from None
    except (StoreUnavailable, StoreTooOld, StoreTooNew) as error:
        raise Refusal(STORE_AWAY) from error


def form_asked(request: Request, forms: Mapping[str, str]) -> str:
    """The form that `?form=` names; else a page for who wants one rather than JSON, else the first one. Raises
    Refusal."""
    said = request.query_params.getlist("form")
    if not said:
        return HTML if HTML in forms and prefers_page(request) else next(iter(forms))
    if len(said) > 1 or said[0] not in forms:
        raise not_there(said, forms)
    return said[0]


def _sorted(request: Request, document: dict[str, Any], on_page: bool) -> dict[str, Any]:
    said = request.query_params.getlist("sort")
    if not said:
        return document
    name, items = said[0].removeprefix("-"), document.get("items")
    if len(said) > 1 or not isinstance(items, list):
        raise refused("sort", "nothing can be sorted here, or it is said twice", "one name, of a list")
    if items and not on_page and not any(name in item for item in items):
        names = sorted({member for item in items for member in item if not isinstance(item[member], dict | list)})
        raise refused("sort", "no item has such a member", ", ".join(names))
    return document | {"items": sorted(items, key=lambda item: _rank(item.get(name)), reverse=said[0].startswith("-"))}


def _rank(value: object) -> tuple[int, float, str]:
    """A place for whatever stands in a member: nothing first, then numbers, then text."""
    if value is None:
        return 0, 0.0, ""
    return (1, float(value), "") if isinstance(value, int | float) else (2, 0.0, str(value).casefold())


def json_answer(request: Request, document: Any, headers: dict[str, str] | None = None) -> Response:
    """A JSON document, or 304 when the client has just that."""
    return answer(request, _ENCODER.encode(document), "application/json", headers)


def answer(request: Request, body: bytes, media_type: str, headers: dict[str, str] | None = None) -> Response:
    """A body with its entity tag; 304 when the client has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = HEADERS | {"etag": tag} | (headers or {})
    known = ",".join(request.headers.getlist("if-none-match"))
    if tag in known or known.strip() == "*":
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def openapi(*parameters: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a question."""
    form = [] if any(one["name"] == "form" for one in parameters) else [parameter("form", {"enum": [*SHOWN]})]
    named = {one["name"] for one in parameters}
    sort = [SORTED] if "limit" in named and "sort" not in named else []
    return {"parameters": [TENANT_PARAMETER, *parameters, *form, *sort]}


def answers(schema: dict[str, Any], media_type: str = "application/json") -> dict[int | str, dict[str, Any]]:
    """The answers of a question in OpenAPI."""
    told = described(schema, media_type)
    told["content"].setdefault(SHOWN[HTML], {})
    return {200: told, 304: {"description": "As you have it"}, **READ_REFUSED}
