"""Forms of our own pages: each is the same request as a program's, in JSON, and is answered by the page it came from.

A form has the members of the document as its fields: `why`, `matchers.0.field`; an empty one is left out, and
`NAME:json` holds JSON (`allow_private:json` = `true`). Besides:

    _next     the path to go on to: the page then says what came of it (303). Without it the answer is the route's own.
    _method   DELETE or PUT, which a form cannot say itself

Nobody else's form gets here: it is only taken when the browser says that it comes from a page of this gateway. What
came of it is told by the answer of the route alone, so that nothing is called done that was not.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from msgspec.structs import replace
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.connectors.gateway.answered import standing_for
from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.cookies import name_in, tell
from tocsin.connectors.gateway.problems import MALFORMED, Refusal, refuse
from tocsin.connectors.gateway.request import BY_HEADER, FORM, media_type_of
from tocsin.connectors.gateway.same_origin import from_our_page, own_path

MAX_FORM = 256 * 1024
MAX_FIELDS, MAX_DEPTH, MAX_INDEX = 200, 8, 100
METHODS = frozenset({"POST", "PUT", "DELETE"})
NOBODY = "whoever was at the page"
"""Who does it, where nobody has signed in or said a name."""

MAX_TOLD = 300
"""Characters of a detail."""

_ELSEWHERE = ("/v1/act/", "/sign-")
"""What has forms of its own."""


class FormRequests:
    """Middleware: makes JSON of a form, and a page of the answer."""

    def __init__(self, app: ASGIApp, config: GatewayConfig) -> None:
        self._app, self._config = app, replace(config, max_body=MAX_FORM)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if not self._is_ours(scope):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            fields = _fields_of(await read_body(request, self._config))
            target, method = own_path(fields.pop("_next", None)), fields.pop("_method", "POST")
            document = document_of(fields)
            if method not in METHODS:
                raise Refusal(MALFORMED, detail="_method is POST, PUT or DELETE.")
        except Refusal as refusal:
            await refuse(refusal)(scope, receive, send)
            return
        since = time.time_ns() // 1000
        inner, body = _as_json(request, method, document, for_page=target is None)
        if target is None:
            with standing_for(scope, inner):
                await self._app(inner, _sent(body, receive), send)
            return
        with standing_for(scope, inner) as answered:
            status, answer = await self._answer(inner, _sent(body, receive))
            answered(status)
        await self._redirected(status, answer, target, since)(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].startswith(_ELSEWHERE):
            return False
        request = Request(scope)
        return media_type_of(request, ()) == FORM and from_our_page(request, self._config.hosts) is True

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        status, body = 500, bytearray()

        async def take(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                body.extend(message.get("body", b"")[: MAX_FORM - len(body)])

        await self._app(scope, receive, take)
        return status, bytes(body)

    def _redirected(self, status: int, answer: bytes, target: str, since: int) -> Response:
        if status == 401:
            response = RedirectResponse(f"/sign-in?{urlencode({'next': target})}", 303)
            tell(response, outcome_of(status, answer), "/sign-in", self._config)
            return response
        response = RedirectResponse(quote(target, safe="/?&=%+:;,@!$'()*~#"), 303)
        response.headers["cache-control"] = "no-store"
        tell(response, outcome_of(status, answer) | {"since": str(since)}, target, self._config)
        return response


def document_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """The document of a form's fields. Raises Refusal for names that make none."""
    document: dict[str, Any] = {}
    for name, value in fields.items():
        path, _, kind = name.partition(":")
        if not value:
            continue
        if kind not in ("", "json"):
            raise Refusal(MALFORMED, detail="A field is called NAME or NAME:json.")
        try:
            _put(document, path.split("."), msgspec.json.decode(value) if kind else value)
        except (msgspec.DecodeError, RecursionError):
            raise Refusal(MALFORMED, detail="A field that holds JSON does not.") from None
    return document


def outcome_of(status: int, answer: bytes) -> dict[str, str]:
    """What a page says about the answer of a route: `outcome` is a word, `detail` and `title` are texts."""
    try:
        said = msgspec.json.decode(answer)
    except (msgspec.DecodeError, RecursionError):
        said = None
    said = said if isinstance(said, dict) else {}
    detail = str(said.get("detail", ""))[:MAX_TOLD]
    if status < 300:
        stored = "silence" if "silence" in said else "stored"
        outcome = str(said.get("outcome") or (stored if status == HTTPStatus.ACCEPTED else "done"))
        return {"outcome": outcome, "detail": detail}
    if str(said.get("type", "")).endswith(":no-answer"):
        return {"outcome": "no_answer"}
    if said.get("outcome") in ("kept", "not_found"):
        return {"outcome": said["outcome"], "detail": detail}
    title = str(said.get("title") or f"It was answered with {status}")[:MAX_TOLD]
    for name, word in (("pointer", "At"), ("expected", "Expected:"), ("reason", "Why:")):
        detail += f" {word} {said[name]}." if said.get(name) else ""
    return {"outcome": "refused", "title": title, "detail": detail[:MAX_TOLD]}


def _fields_of(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )  # fmt: skip
    except (ValueError, UnicodeDecodeError):
        raise Refusal(MALFORMED, detail="The form cannot be read, or has more than 200 fields.") from None
    return dict(pairs)


def _put(within: dict[str, Any], path: list[str], value: object) -> None:
    if len(path) > MAX_DEPTH or not all(path):
        raise Refusal(MALFORMED, detail="The name of a field has empty parts, or more than 8.")
    place: Any = within
    for part, following in zip(path, [*path[1:], None], strict=True):
        inner: Any = value if following is None else [] if following.isdigit() else {}
        place = _step(place, part, inner, last=following is None)


def _step(place: Any, part: str, inner: object, *, last: bool) -> Any:
    """Put `inner` there, unless something stands there already; what stands there."""
    if isinstance(place, list) and part.isdigit() and len(part) < 4 and int(part) <= MAX_INDEX:
        index = min(int(part), len(place))  # rows that were left empty do not count
        if index == len(place):
            place.append(inner)
        return place[index]
    if isinstance(place, dict) and not (last and part in place):
        return place.setdefault(part, inner)
    raise Refusal(MALFORMED, detail="Two fields of the form contradict each other.")


def _as_json(request: Request, method: str, document: dict[str, Any], *, for_page: bool) -> tuple[Scope, bytes]:
    """The request as a program would send it."""
    by = document.get("by") or name_in(request) or NOBODY
    scope = {**request.scope, "method": method, "headers": list(request.scope["headers"])}
    headers = MutableHeaders(scope=scope)
    body = b"" if method == "DELETE" else msgspec.json.encode(document)
    headers["content-type"], headers["content-length"] = "application/json", str(len(body))
    if not for_page:
        headers["accept"] = "application/json"
    if isinstance(by, str) and by.isprintable() and _fits_header(by):
        headers[BY_HEADER] = by
    elif method != "DELETE":
        body = msgspec.json.encode({"by": by} | document)
        headers["content-length"] = str(len(body))
    else:
        scope["query_string"] += b"&" + urlencode({"by": by}).encode()
    return scope, body


def _fits_header(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _sent(body: bytes, receive: Receive) -> Receive:
    unread = True

    async def once() -> Message:
        nonlocal unread
        if unread:
            unread = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return once
